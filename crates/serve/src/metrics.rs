//! Metrics in the OpenMetrics text format.
//!
//! Invariant: labels come from closed sets (methods of HTTP, route templates, status codes), so that no client can make the
//! number of series grow.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// The registry of one process; clones share it.
#[derive(Clone, Debug)]
pub struct Metrics(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    registry: Mutex<Registry>,
    duration: Family<Request, Histogram>,
    active: Gauge,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    http_request_method: &'static str,
    http_route: String,
    http_response_status_code: u16,
}

impl Metrics {
    #[expect(
        clippy::new_without_default,
        reason = "two defaults would not be the same registry"
    )]
    pub fn new() -> Self {
        let mut registry = Registry::default();
        let duration = Family::new_with_constructor(histogram as fn() -> Histogram);
        let active = Gauge::default();
        registry.register(
            "http_server_request_duration_seconds",
            "Time from the request head to the end of the response body",
            duration.clone(),
        );
        registry.register(
            "http_server_active_requests",
            "Requests being answered",
            active.clone(),
        );
        Self(Arc::new(Inner {
            registry: Mutex::new(registry),
            duration,
            active,
        }))
    }

    /// Adds a function's own metrics.
    pub fn register(&self, add: impl FnOnce(&mut Registry)) {
        add(&mut self
            .0
            .registry
            .lock()
            .unwrap_or_else(PoisonError::into_inner));
    }

    /// Everything, as OpenMetrics text.
    pub fn encode(&self) -> String {
        let mut text = String::new();
        let registry = self
            .0
            .registry
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // Writing to a String does not fail; a collector that does must not take the others with it.
        if let Err(error) = prometheus_client::encoding::text::encode(&mut text, &registry) {
            tracing::warn!(%error, "a metric could not be encoded");
        }
        text
    }

    /// `GET /metrics`, for the main port or one of its own.
    pub fn routes(self) -> Router {
        Router::new().route("/metrics", get(async move || (&self).into_response()))
    }

    pub(crate) fn started(&self) {
        self.0.active.inc();
    }

    pub(crate) fn ended(
        &self,
        method: &'static str,
        route: &str,
        status: StatusCode,
        took: Duration,
    ) {
        self.0.active.dec();
        let labels = Request {
            http_request_method: method,
            http_route: route.to_owned(),
            http_response_status_code: status.as_u16(),
        };
        self.0
            .duration
            .get_or_create(&labels)
            .observe(took.as_secs_f64());
    }
}

/// `GET /metrics`.
impl IntoResponse for &Metrics {
    fn into_response(self) -> Response {
        let open_metrics = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        ([(CONTENT_TYPE, open_metrics)], self.encode()).into_response()
    }
}

/// The method as a label; one that HTTP does not define becomes `_OTHER`, as OpenTelemetry has it.
pub(crate) fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        Method::CONNECT => "CONNECT",
        Method::TRACE => "TRACE",
        _ => "_OTHER",
    }
}

/// The boundaries that OpenTelemetry advises for `http.server.request.duration`.
fn histogram() -> Histogram {
    Histogram::new([
        0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
    ])
}
