//! The documents against the committed copies, the routes and the code that writes the answers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

mod committed;
mod functions;
mod routes;
mod wire;
