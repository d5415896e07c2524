//! The whole product in one process: the routers of buy, storer, query and the page on one SQLite file, and a pump that stands
//! in for the KafkaSource between buy and storer.
//!
//! Invariant: an event leaves the log only when storer has confirmed it or it has become a dead letter, so a process that is
//! killed at any moment goes on where it was.
//!
//! The functions do not know that they share a process: the pump speaks to storer in HTTP requests, as the KafkaSource does.

mod config;
mod counters;
mod data_dir;
pub mod docs;
mod greeting;
mod listeners;
mod pump;
mod ready;
mod redriving;
mod router_sink;
mod servers;
mod wiring;

/// What the page's port answers, for machines; `crates/openapi` makes it.
pub const OPENAPI: &str = include_str!("../openapi.json");

pub use config::{Arguments, Command, Config};
pub use redriving::{RedriveFailed, redrive};
pub use wiring::{Embedded, EmbeddedError};
