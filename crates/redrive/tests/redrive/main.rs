//! The commands over letters, a log and a store in memory.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

mod list;
mod replay;
mod show;
mod world;
