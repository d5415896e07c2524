//! Dead letters back into delivery: `consumer redrive` as a process, on real servers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

mod buried;
mod killed;
mod roads;
mod sink;
mod terminal;
