//! `POST /buy`.

use std::time::{Duration, Instant};

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use http::HeaderName;
use intake::{Intake, Unconfirmed, created, unconfirmed};
use purchase::request::Timestamps;
use purchase::{AppendError, PurchaseEvent};
use serve::{Problem, TraceParent};
use tracing::Span;
use tracing::field::display;

use crate::Buy;

/// Of the W3C; browsers show it beside the request.
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

pub(crate) async fn buy(
    State(buy): State<Buy>,
    Extension(trace): Extension<TraceParent>,
    request: Request,
) -> Result<Response, Problem> {
    let begun = Instant::now();
    let intake = Intake::read(request, Timestamps::Receiver).await?;
    let read = begun.elapsed();
    let purchase = buy.stamp.identify(intake.purchase, intake.key.as_ref());
    Span::current().record("cloudevents.event_id", display(purchase.id));
    let event = PurchaseEvent {
        purchase: purchase.clone(),
        traceparent: Some(trace.child().to_string()),
    };
    let appended = buy.log.append(event).await;
    let logged = begun.elapsed().saturating_sub(read);
    appended.map_err(|error| {
        let known = match error {
            AppendError::NotRecorded(_) => Unconfirmed::NotRecorded,
            AppendError::Unknown(_) => Unconfirmed::Unknown,
        };
        unconfirmed(known, &purchase, intake.key.is_some(), error)
    })?;
    let timing = timing(&[("read", read), ("log", logged)]);
    Ok(([(SERVER_TIMING, timing)], created(&purchase)).into_response())
}

/// How long each part took, as `Server-Timing` says it: in milliseconds.
fn timing(parts: &[(&str, Duration)]) -> String {
    let metrics = parts.iter().map(|(name, took)| {
        let millis = took.as_secs_f64() * 1_000.0;
        format!("{name};dur={millis:.3}")
    });
    metrics.collect::<Vec<_>>().join(", ")
}
