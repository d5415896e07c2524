//! A purchase over HTTP: how a client states one and how it is told that it was recorded. Shared by whoever takes purchases
//! from clients, so that buy and storer understand and refuse in the same words.
//!
//! It does not record anything.

mod created;
mod intake;
mod unconfirmed;

pub use created::created;
pub use intake::{BODY_BYTES_MAX, Intake};
pub use unconfirmed::{Unconfirmed, unconfirmed};
