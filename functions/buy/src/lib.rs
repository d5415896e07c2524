//! buy: takes a purchase from a client and puts it into the log.
//!
//! Invariant: 201 is said only after the log acknowledged the event durably. Whatever else happens, the client learns whether
//! its purchase was not recorded or may have been, and under which id.
//!
//! It does not know where purchases are stored: a list that it is asked for comes from another function.

mod buy;
#[cfg(feature = "kafka")]
pub mod config;
mod lists;
#[cfg(feature = "kafka")]
pub mod wiring;

use std::sync::Arc;

use axum::Router;
use axum::routing::post;
use purchase::{EventLog, Stamp};

pub use lists::lists;

/// What buy answers, for whoever asks it something else.
pub const HINT: &str = "POST /buy and GET /getAllUserBuys/{userid}";

/// What it answers, for machines; `crates/openapi` makes it.
pub const OPENAPI: &str = include_str!("../openapi.json");

/// What buy needs.
#[derive(Clone)]
pub struct Buy {
    pub log: Arc<dyn EventLog>,
    pub stamp: Stamp,
}

/// The routes.
pub fn routes(buy: Buy) -> Router {
    Router::new().route("/buy", post(buy::buy)).with_state(buy)
}
