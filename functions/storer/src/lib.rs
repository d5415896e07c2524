//! storer: takes events from the delivery and records their purchases.
//!
//! Invariant: success is said only for what is durably stored, now or before; whatever can never be stored is refused with a
//! status that the KafkaSource does not retry, and whatever may still be stored with one that it does.
//!
//! It does not know who delivers, and it does not read lists.

#[cfg(feature = "mongodb")]
pub mod config;
mod direct;
mod events;

use axum::Router;
use axum::routing::post;
use delivery::Recorder;
use purchase::Stamp;

pub use crate::events::BODY_BYTES_MAX;

/// What storer answers, for whoever asks it something else.
pub const HINT: &str = "POST / with a CloudEvent and POST /purchases";

/// What it answers, for machines; `crates/openapi` makes it.
pub const OPENAPI: &str = include_str!("../openapi.json");

/// Requests at the same time, unless its operator chooses another number: with bodies of 2 MiB they hold half a gibibyte.
pub const MAX_IN_FLIGHT: usize = 256;

/// What storer needs.
#[derive(Clone)]
pub struct Storer {
    pub recorder: Recorder,
    pub stamp: Stamp,
}

/// The routes.
pub fn routes(storer: Storer) -> Router {
    Router::new()
        .route("/", post(events::receive))
        .route("/purchases", post(direct::record))
        .with_state(storer)
}
