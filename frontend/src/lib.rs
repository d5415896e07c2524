//! The page of User Buy List and the gateway to its two public routes.
//!
//! [`routes`] is the whole public surface: the page, `/buy`, `/getAllUserBuys/{*userid}`, and both again under `/api`.
//! Nothing else of an upstream can be reached through it. The upstreams are routers: the embedded product passes the
//! functions themselves, the standalone gateway passes [`gateway::forward`].
//!
//! It does not validate or change a purchase: requests and answers pass as they are.

pub mod config;
pub mod page;
mod plain;

use axum::body::Body;
use axum::extract::{RawQuery, Request, State};
use axum::response::Response;
use axum::routing::{any, get};
use axum::{Extension, Router};
use http::HeaderMap;
use serve::{BodyDeadline, TraceParent};
use tower::ServiceExt;

use crate::plain::{PLAIN, Upstreams};

/// What an unknown address is told.
pub const HINT: &str = "GET / (the page), POST /buy and GET /getAllUserBuys/{userid}";

/// What it answers, for machines; `crates/openapi` makes it.
pub const OPENAPI: &str = include_str!("../openapi.json");

/// The page and the public routes, each handed to its upstream: `/buy` to `buy`, `/getAllUserBuys/{*userid}` to `query`.
pub fn routes(buy: Router, query: Router) -> Router {
    let [buy, query] =
        [buy, query].map(|router| router.method_not_allowed_fallback(serve::method_not_allowed));
    let public = Router::new()
        .route("/buy", any(pass_on).with_state(buy.clone()))
        .route(
            "/getAllUserBuys/{*userid}",
            any(pass_on).with_state(query.clone()),
        );
    let page = get(page_of).post(plain::buy);
    Router::new()
        .route("/", page.with_state(Upstreams { buy, query }))
        .merge(page::files())
        .merge(public.clone())
        .nest("/api", public)
}

/// The page, or what takes its place where no scripts run.
async fn page_of(
    State(upstreams): State<Upstreams>,
    trace: Option<Extension<TraceParent>>,
    query: RawQuery,
    asked: HeaderMap,
) -> Response {
    let pairs = query.0.as_deref().unwrap_or_default();
    let is_plain = form_urlencoded::parse(pairs.as_bytes()).any(|(name, _)| name == PLAIN);
    if !is_plain {
        return page::index(query, &asked);
    }
    let trace = trace.map(|Extension(trace)| trace);
    plain::show(&upstreams, pairs, trace).await
}

async fn pass_on(State(upstream): State<Router>, request: Request) -> Response {
    hand_over(upstream, request).await
}

/// Gives the request to another router as if it had just arrived there.
///
/// axum keeps the captures of a route in the request's extensions and adds those of the next router to them, so a handler
/// that expects one path parameter would find two. Only what the upstream is meant to know goes along.
async fn hand_over(upstream: Router, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let mut known = std::mem::take(&mut parts.extensions);
    if let Some(trace) = known.remove::<TraceParent>() {
        parts.extensions.insert(trace);
    }
    if let Some(deadline) = known.remove::<BodyDeadline>() {
        parts.extensions.insert(deadline);
    }
    let request = Request::from_parts(parts, Body::new(body));
    upstream
        .oneshot(request)
        .await
        .unwrap_or_else(|never| match never {})
}
