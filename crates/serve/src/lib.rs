//! The HTTP plumbing of every function: configuration, problem+json, extractors, health, metrics, request span, the accept
//! loop and its graceful stop. It exists so that a function's own code is its routes and nothing else.
//!
//! Invariant: every request that reaches a route is bounded in bytes, time and number, and is answered with problem+json when
//! it fails. This crate knows nothing about purchases, and [`App`] knows nothing about sockets, so another host can run it.
//!
//! ```no_run
//! use std::net::Ipv4Addr;
//! use std::process::ExitCode;
//!
//! use axum::{Router, routing::get};
//! use serve::{App, BoxError, Env, Function, HttpConfig};
//!
//! fn main() -> ExitCode {
//!     serve::main("hello", read, start)
//! }
//!
//! fn read(env: &mut Env<'_>) -> HttpConfig {
//!     HttpConfig::read(env, Ipv4Addr::UNSPECIFIED.into(), 3000, 64)
//! }
//!
//! async fn start(http: HttpConfig) -> Result<Function, BoxError> {
//!     let routes = Router::new().route("/", get(async || "hello"));
//!     Ok(Function::new(App::new("hello", "GET /", routes), http))
//! }
//! ```

mod admission;
mod app;
mod body;
mod config;
mod cors;
mod env;
mod etag;
mod health;
mod host;
#[cfg(feature = "lambda")]
mod lambda;
mod metrics;
mod pace;
mod problem;
mod process;
mod query;
mod request;
mod server;
mod shutdown;
mod telemetry;
mod trace;

pub use admission::OverCap;
pub use app::{App, method_not_allowed};
pub use body::{Body, BodyDeadline};
pub use config::HttpConfig;
pub use cors::Origins;
pub use env::{EXIT_CONFIG, Env, EnvProblem, EnvProblems};
pub use etag::Tag;
pub use health::ReadyCheck;
pub use metrics::Metrics;
pub use problem::Problem;
pub use process::{Function, boot, main};
pub use query::{Query, Tail};
pub use server::{Drained, Limits, listen, run};
pub use shutdown::stop_signal;
pub use telemetry::init_telemetry;
pub use trace::TraceParent;

/// What any failure can be turned into; the same shape as in tower and hyper.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Whether a failure is one of this type, or came of one.
pub fn is_caused_by<E: std::error::Error + 'static>(
    error: &(dyn std::error::Error + 'static),
) -> bool {
    error.is::<E>() || error.source().is_some_and(is_caused_by::<E>)
}
