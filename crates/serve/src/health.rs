//! The routes for probes and for people who ask whether a function could work now.
//!
//! They stand outside the limits and the request span: a probe must be answered when everything else is refused, and must
//! not fill the log. Health asks no dependency, so that clients get our 503 and not that of a proxy which saw us unready.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::timeout;

/// Shorter than the period of whoever asks, long enough for a new connection to a healthy dependency.
const CHECK_DEADLINE: Duration = Duration::from_secs(2);

/// One thing a function needs in order to work.
#[async_trait]
pub trait ReadyCheck: Send + Sync {
    /// One word of the domain: `log`, `store`.
    fn name(&self) -> &'static str;

    /// `None` when it is there, else what is wrong, without secrets: it is shown to whoever asks.
    async fn missing(&self) -> Option<String>;
}

/// `/health` and its kin, and `/ready`.
pub(crate) fn routes(checks: Vec<Arc<dyn ReadyCheck>>) -> Router {
    let checks: Arc<[_]> = checks.into();
    Router::new()
        .route("/health", get(health))
        .route("/health/liveness", get(health))
        .route("/health/readiness", get(health))
        .route("/ready", get(move || ready(checks)))
}

async fn health() -> Response {
    answer(StatusCode::OK, &json!({"status": "ok"}))
}

async fn ready(checks: Arc<[Arc<dyn ReadyCheck>]>) -> Response {
    let asked = join_all(checks.iter().map(|check| ask(check.as_ref()))).await;
    let missing: Vec<String> = asked.into_iter().flatten().collect();
    let status = if missing.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    answer(
        status,
        &json!({"ready": missing.is_empty(), "missing": missing}),
    )
}

async fn ask(check: &dyn ReadyCheck) -> Option<String> {
    let missing = match timeout(CHECK_DEADLINE, check.missing()).await {
        Ok(missing) => missing?,
        Err(_) => format!("no answer within {} s", CHECK_DEADLINE.as_secs()),
    };
    Some(format!("{}: {missing}", check.name()))
}

fn answer(status: StatusCode, body: &Value) -> Response {
    (
        status,
        [(CONTENT_TYPE, "application/json")],
        body.to_string(),
    )
        .into_response()
}
