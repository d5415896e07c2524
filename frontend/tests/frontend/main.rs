//! The frontend over real sockets. One binary, so that it is linked once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

mod gateway;
mod page;
mod plain;
mod support;
mod transfer;
