//! The adapter beside a real MongoDB: what a fake says about it proves nothing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

mod contract;
mod duplicates;
mod earlier_documents;
mod faults;
mod outages;
mod support;
mod volume;
mod wire;
