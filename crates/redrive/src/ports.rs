//! What the commands need of whoever runs them. Whether a purchase stands is a port of the domain:
//! [`PurchaseLookup`](purchase::PurchaseLookup).

use async_trait::async_trait;
use cloudevents::Event;
use futures_util::stream::BoxStream;
use purchase::{AppendError, PortError, UserId};

use crate::letter::{Letter, Place};

/// Where dead letters are kept.
pub trait DeadLetters: Send + Sync {
    /// All letters that are there now, in batches of a bounded size. Whoever reads again meets the same ones at the same
    /// places, and perhaps more. Nothing comes after an error.
    fn read(&self) -> BoxStream<'_, Result<Vec<Letter>, PortError>>;

    /// A place, for people.
    fn name(&self, place: Place) -> String;
}

/// Where events wait for delivery.
#[async_trait]
pub trait Log: Send + Sync {
    /// The event as storer's rules get to see it when it comes out of this log.
    fn delivered(&self, event: &Event) -> Event;

    /// Appends an event as it is; `Ok` only once it is durable.
    async fn append(&self, userid: &UserId, event: &Event) -> Result<(), AppendError>;
}
