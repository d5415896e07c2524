//! The product as a process: what its user and its operator do to it. What a power cut, a full disk and a lock do is in the fault
//! suite (`scripts/faults.sh`).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

mod lifecycle;
mod path;
mod product;
mod redrive;
