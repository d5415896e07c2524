//! What every function has around its routes.
//!
//! It makes one [`Router`] and knows nothing of sockets: a test calls it directly, another host runs it unchanged.

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;
use tokio::sync::Semaphore;

use crate::metrics::Metrics;
use crate::{Origins, Problem, ReadyCheck, admission, health, request};

/// Enough for any function that did not measure its own number; small enough for 64 KiB bodies to stay within 64 MiB.
const MAX_IN_FLIGHT: usize = 1_024;

/// The routes of one function with health, metrics, limits, span, and problem+json for what no route takes.
pub struct App {
    name: &'static str,
    hint: &'static str,
    routes: Router,
    checks: Vec<Arc<dyn ReadyCheck>>,
    max_in_flight: usize,
    metrics: Metrics,
    expose_metrics: bool,
    origins: Origins,
}

impl App {
    /// `name` is the function's, `hint` the request it answers (`POST /buy`): both are told to whoever asks for another.
    /// A fallback of `routes` is replaced; a catch-all is a route: `/{*path}`.
    pub fn new(name: &'static str, hint: &'static str, routes: Router) -> Self {
        Self {
            name,
            hint,
            routes,
            checks: Vec::new(),
            max_in_flight: MAX_IN_FLIGHT,
            metrics: Metrics::new(),
            expose_metrics: false,
            origins: Origins::default(),
        }
    }

    /// Serves `GET /openapi.json`: what the routes answer, for machines. JSON.
    pub fn openapi(mut self, document: &'static str) -> Self {
        let answer = ([(CONTENT_TYPE, "application/json")], document);
        let route = get(async move || answer);
        self.routes = self.routes.route("/openapi.json", route);
        self
    }

    /// One more thing that `/ready` asks.
    pub fn ready(mut self, check: Arc<dyn ReadyCheck>) -> Self {
        self.checks.push(check);
        self
    }

    /// Over `n` requests at the same time: 503 with `Retry-After: 1` at once. One whose body is still arriving does not count
    /// yet.
    pub fn max_in_flight(mut self, n: usize) -> Self {
        self.max_in_flight = n;
        self
    }

    /// The registry to count in, for a function with metrics of its own.
    pub fn metrics(mut self, metrics: Metrics) -> Self {
        self.metrics = metrics;
        self
    }

    /// Serves `GET /metrics` among the routes.
    pub fn expose_metrics(mut self) -> Self {
        self.expose_metrics = true;
        self
    }

    /// Pages on these origins may ask, as far as their browsers decide that.
    pub fn origins(mut self, origins: Origins) -> Self {
        self.origins = origins;
        self
    }

    pub(crate) fn shared_metrics(&self) -> Metrics {
        self.metrics.clone()
    }

    pub fn build(self) -> Router {
        let Self { name, hint, .. } = self;
        let slots = Arc::new(Semaphore::new(
            self.max_in_flight.min(Semaphore::MAX_PERMITS),
        ));
        // The last layer is the outermost: what it surrounds is refused, counted and logged like any other request.
        let routes = self
            .routes
            .fallback(move || async move { not_found(name, hint) })
            .method_not_allowed_fallback(method_not_allowed)
            .layer(from_fn(request::catch_panic))
            .layer(from_fn(request::measure_uri))
            .layer(from_fn_with_state(slots, admission::admit))
            .layer(from_fn_with_state(self.metrics.clone(), request::observe));

        let mut probes = health::routes(self.checks);
        if self.expose_metrics {
            probes = probes.merge(self.metrics.routes());
        }
        let routes = routes.merge(probes.method_not_allowed_fallback(method_not_allowed));
        match self.origins.layer() {
            // Around everything: a page may also see why it was refused.
            Some(layer) => routes.layer(layer),
            None => routes,
        }
    }
}

fn not_found(name: &str, hint: &str) -> Problem {
    let error = format!(
        "There is nothing at this address. This is the function \"{name}\"; it answers {hint}."
    );
    Problem::new(StatusCode::NOT_FOUND, error)
}

/// 405 as a problem, for a router within a router, which has a fallback of its own. axum adds `Allow`.
pub async fn method_not_allowed() -> Problem {
    let error = "This address does not take this method; the header Allow names those it takes.";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, error)
}
