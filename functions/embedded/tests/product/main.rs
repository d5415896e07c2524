//! The product as a process: what its user, its operator and a power cut do to it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

mod durability;
mod kills;
mod lifecycle;
mod path;
mod product;
mod redrive;
