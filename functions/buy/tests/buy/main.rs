//! buy on a real socket and a real file: what it takes, what it refuses, and what it says when the log fails.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

mod accepted;
mod leaving;
mod outage;
mod refused;
mod request;
mod support;
