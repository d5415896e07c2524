//! storer on a real socket and a real file: the answer table, line by line and form by form.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

mod batch;
mod delivery;
mod direct;
mod event;
mod outage;
mod request;
mod support;
