//! A member of a group in front of a real broker.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

mod brokers;
mod committing;
mod group;
mod killed;
mod mocked;
mod reading;
mod sharing;
#[path = "../support/mod.rs"]
mod support;
mod topics;
mod truncated;
mod waiting;
