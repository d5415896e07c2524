//! The domain: what a purchase is, how it becomes an event and back, and the ports through which the functions reach a
//! log and a store.
//!
//! Invariant: a value of a type of this crate is valid. Text from outside is parsed here once and never checked again.
//! The crate knows no runtime, no web framework and no driver: time and randomness come in through a [`Stamp`], HTTP only
//! as the header types of the CloudEvents binding.
//!
//! In reading order: the parts of a purchase ([`text`], [`price`], [`timestamp`]), its identity ([`id`]), the whole
//! ([`mod@purchase`]), how a client states one ([`request`]), how it travels ([`event`]), how many are told in sums
//! ([`summary`]), how it is shown ([`wire`]) and who keeps it ([`port`]).

pub mod text;

pub mod price;

pub mod timestamp;

pub mod id;

pub mod purchase;

mod fields;

pub mod request;

pub mod event;

pub mod summary;

pub mod wire;

pub mod port;

mod stamp;

pub use id::{IdempotencyKey, PurchaseId};
pub use port::{
    AppendError, Entry, EventLog, Origin, Owner, PortError, PurchaseLookup, PurchaseReader,
    PurchaseWriter, Recorded, Standing,
};
pub use price::Price;
pub use purchase::{Cursor, NewPurchase, Purchase, PurchaseEvent};
pub use stamp::Stamp;
pub use summary::{Day, DaySum, ItemSum, Sum, Summary, Summing};
pub use text::{Item, UserId, Username};
pub use timestamp::Timestamp;
