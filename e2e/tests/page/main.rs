//! The page as a person meets it, in a real Chromium: on the product in one process, and once on real servers.
//!
//! Every state is looked at in three widths and both themes ([`look`]), and a picture of each is kept in `screenshots` beside the programs. Hostile
//! words, impatient people and long lists are rows 30 to 32 of the fault suite.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test stops at the first surprise, and shows what it measured"
)]

mod buying;
mod later;
mod look;
mod plain;
mod shop;
mod trouble;
