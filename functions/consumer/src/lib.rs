//! consumer: delivers purchases from Kafka to MongoDB where no KafkaSource does it, and answers what storer and query answer.
//!
//! Invariant: a position is committed only after everything before it is stored or kept as a dead letter; while that cannot be
//! done the partitions wait, for as long as it takes, and the process stays a member of its group.
//!
//! It decides nothing by itself: `storer`, `query` and `delivery` hold the rules, so that a purchase is the same purchase on
//! either road.

mod arguments;
pub mod config;

mod counters;
mod reading;
mod redriving;
mod watchdog;
mod wiring;

pub use arguments::{Arguments, Command};
pub use redriving::redrive;
pub use wiring::start;

use axum::Router;
use query::Query;
use storer::Storer;

/// What consumer answers, for whoever asks it something else.
pub const HINT: &str = "POST / with a CloudEvent, POST /purchases, GET /purchases, GET /purchases/{userid} and GET /getAllUserBuys/{userid}";

/// What it answers, for machines; `crates/openapi` makes it.
pub const OPENAPI: &str = include_str!("../openapi.json");

/// The routes of storer and of query, on one port as the earlier service had them.
pub fn routes(storer: Storer, query: Query) -> Router {
    storer::routes(storer).merge(query::routes(query))
}
