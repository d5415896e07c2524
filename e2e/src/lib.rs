//! The system as it is deployed: real processes on a real broker and a real mongod, by both roads.
//!
//! Here is what the tests need: the servers ([`Servers`]), the programs ([`Program`]) put together as a deployment
//! ([`Stack`]) or as its second half ([`Delivery`]), topics and records ([`topics`]), clients that buy ([`load`]), and a
//! browser ([`Browser`]). The tests are in `tests/`.
//!
//! It starts nothing that it does not end, and talks to 127.0.0.1 only.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    reason = "a test stops at the first surprise"
)]

mod balancer;
mod browser;
mod delivery;
mod events;
mod letters;
pub mod load;
mod probe;
mod program;
mod servers;
mod stack;
pub mod topics;
mod traffic;
mod wait;
mod webdriver;

pub use balancer::Balancer;
pub use browser::{Audit, Browser, ENTER, Tab};
pub use delivery::{Buried, Delivery, answered};
pub use events::Event;
pub use letters::Letters;
pub use probe::{Answered, NOBODY, buy_once};
pub use program::{Program, Surroundings, free_port, metric_of, path_of};
pub use servers::{Servers, Toxiproxy, scratch};
pub use stack::{Road, Scene, Stack};
pub use traffic::{BUYS_PER_SECOND, Settled, Traffic};
pub use wait::{port_opens, within};
