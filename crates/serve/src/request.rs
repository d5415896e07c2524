//! What surrounds every request of a function: one span, one event at its end, metrics, and the net under a panic.
//!
//! Invariant: a request is over when its response body has ended or was dropped, not when its head was sent; lists are
//! streamed. Nothing here sees a body, a raw path or a user's name.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use http_body_util::BodyExt;
use tracing::{Instrument, Span, debug, error_span, field, info, warn};

use crate::metrics::{Metrics, method_label};
use crate::problem::Cause;
use crate::{Problem, TraceParent};

/// RFC 9110 asks for 8,000 bytes at least. A path parameter of 256 characters is up to 3 KiB when percent-encoded, a hundred
/// ids in a query are 5 KiB: this is twice both together.
const URI_BYTES_MAX: usize = 16 * 1024;

/// The outermost layer: span, event and metrics of one request.
pub(crate) async fn observe(
    State(metrics): State<Metrics>,
    mut request: Request,
    next: Next,
) -> Response {
    let trace = TraceParent::of(request.headers());
    request.extensions_mut().insert(trace);
    let mut exchange = Exchange::start(metrics, &request, trace);
    let span = exchange.span.clone();
    let response = next.run(request).instrument(span).await;
    exchange.status = response.status();
    exchange.cause = response.extensions().get().cloned();
    response.map(|body| {
        Body::new(body.map_err(move |error| {
            exchange.broke_off(&error);
            error
        }))
    })
}

/// One request from its head to the end of its response body; dropping it is the end.
struct Exchange {
    metrics: Metrics,
    span: Span,
    method: &'static str,
    route: Option<MatchedPath>,
    started: Instant,
    status: StatusCode,
    cause: Option<Cause>,
    broken: bool,
}

impl Exchange {
    fn start(metrics: Metrics, request: &Request, trace: TraceParent) -> Self {
        let method = method_label(request.method());
        let route = request.extensions().get::<MatchedPath>().cloned();
        metrics.started();
        // At error level, so that RUST_LOG=warn keeps these fields on the event of a 5xx.
        let span = error_span!(
            "request",
            http.request.method = method,
            http.route = template(route.as_ref()),
            http.response.status_code = field::Empty,
            duration_ms = field::Empty,
            trace_id = trace.trace_id(),
            cloudevents.event_id = field::Empty,
        );
        // Stands when the handler is dropped before it answered, which is what happens when the client goes away; the code
        // is the one nginx logs for it.
        let status = StatusCode::from_u16(499).unwrap_or_default();
        Self {
            metrics,
            span,
            method,
            route,
            started: Instant::now(),
            status,
            cause: None,
            broken: false,
        }
    }

    fn broke_off(&mut self, error: &axum::Error) {
        self.cause = Some(Cause::new(format!("the response body broke off: {error}")));
        self.broken = true;
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let took = self.started.elapsed();
        self.metrics.ended(
            self.method,
            template(self.route.as_ref()),
            self.status,
            took,
        );
        self.span
            .record("http.response.status_code", self.status.as_u16());
        self.span
            .record("duration_ms", took.as_secs_f64() * 1_000.0);
        let cause = self.cause.as_ref().map(field::display);
        self.span.in_scope(|| match self.status {
            status if status.is_server_error() || self.broken => warn!(cause, "request failed"),
            status if status.is_client_error() => info!(cause, "request refused"),
            _ => debug!("request answered"),
        });
    }
}

fn template(route: Option<&MatchedPath>) -> &str {
    route.map_or("unmatched", MatchedPath::as_str)
}

/// Keeps `guard` until the response body has ended or was dropped.
pub(crate) fn hold(response: Response, guard: impl Send + 'static) -> Response {
    response.map(|body| {
        Body::new(body.map_err(move |error| {
            // The closure lives as long as the body, and so does what it captures.
            let _held = &guard;
            error
        }))
    })
}

/// 414 for a URI that no route means to take.
pub(crate) async fn measure_uri(request: Request, next: Next) -> Response {
    let length = request
        .uri()
        .path_and_query()
        .map_or(0, |uri| uri.as_str().len());
    if length > URI_BYTES_MAX {
        let error = format!("The address is longer than {URI_BYTES_MAX} bytes.");
        return Problem::new(StatusCode::URI_TOO_LONG, error).into_response();
    }
    next.run(request).await
}

/// A handler that panics answers 500, and the process goes on: one bad request must not end the others.
pub(crate) async fn catch_panic(request: Request, next: Next) -> Response {
    match AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(response) => response,
        Err(panic) => Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "Something went wrong here.",
        )
        .because(format!("panic: {}", panic_text(panic.as_ref())))
        .into_response(),
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no text")
}
