//! Tools of the tests, never part of a product.
//!
//! One contract suite per port, run by every adapter ([`contract`]); the oracle that decides whether the one promise was
//! kept ([`oracle`]); sample purchases ([`sample`]); a SQLite file ([`file`]), a router on a real socket ([`app`]), a client that speaks raw bytes
//! ([`raw`]), a process that is ended with its test ([`process`]), the product in one process ([`product`]), and where the real
//! servers are ([`services`]).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

pub mod app;
pub mod contract;
pub mod file;
pub mod oracle;
pub mod process;
pub mod product;
pub mod random;
pub mod raw;
pub mod sample;
pub mod services;

use std::time::{Duration, Instant};

/// A deadline that no test reaches: what is answered before a test's patience ends did not wait for it.
pub const NEVER: Duration = Duration::from_secs(120);

/// How long anything in a test may take before it counts as hung.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Asks until the answer is there; panics with `what` when patience ends. The pause only saves the processor: no test
/// depends on its length.
pub async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(
            started.elapsed() < PATIENCE,
            "{what}: not within {PATIENCE:?}"
        );
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
