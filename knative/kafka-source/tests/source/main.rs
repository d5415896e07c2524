//! The stand-in as a process, between a real broker and a sink that records what comes. Each test is one fact that was read in
//! the source of the real KafkaSource.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

mod dead_letters;
mod losses;
mod ordering;
mod requests;
mod restarts;
mod settings;
mod sink;
mod stand_in;
mod throughput;
mod topic;
mod tries;
