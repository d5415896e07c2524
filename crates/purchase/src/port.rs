//! The ports: what a function needs of a log or a store, one trait per need. Buy can only append, storer only record,
//! query only read. A port error says whether trying again can help; it knows no HTTP.
//!
//! Every call answers within the adapter's own deadline, whatever the server behind it does: callers set none of their own,
//! because cancelling a driver's work may leave it half done.

use std::collections::HashMap;
use std::error::Error as StdError;

use async_trait::async_trait;
use thiserror::Error;

use crate::id::PurchaseId;
use crate::purchase::{Cursor, Purchase, PurchaseEvent};
use crate::summary::Summary;
use crate::text::UserId;
use crate::timestamp::Timestamp;

/// A log or a store did not do what was asked.
#[derive(Debug, Error)]
pub enum PortError {
    /// Away, busy or unsure: the same call may succeed later, and repeating it is harmless.
    #[error(transparent)]
    Transient(Box<dyn StdError + Send + Sync>),
    /// It will not succeed until somebody mends something.
    #[error(transparent)]
    Permanent(Box<dyn StdError + Send + Sync>),
}

impl PortError {
    /// A fault that may pass.
    pub fn transient(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Transient(cause.into())
    }

    /// A fault that stays.
    pub fn permanent(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Permanent(cause.into())
    }
}

/// An event was not acknowledged by the log, and what is known of it.
#[derive(Debug, Error)]
pub enum AppendError {
    /// It never reached the log and never will.
    #[error("not recorded")]
    NotRecorded(#[source] PortError),
    /// It was handed over, but no acknowledgement came: it is in the log, or will be, or not.
    #[error("unknown whether recorded")]
    Unknown(#[source] PortError),
}

/// Where buy puts purchases.
#[async_trait]
pub trait EventLog: Send + Sync {
    /// Appends an event; `Ok` only once it is durable. Answers at once when its queue is full. A caller that goes away does not take the event with it.
    async fn append(&self, event: PurchaseEvent) -> Result<(), AppendError>;
}

/// A purchase that is to be recorded, and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub purchase: Purchase,
    pub origin: Origin,
}

/// What the id of a purchase was derived from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// What somebody bought: the same id is the same purchase, and only that.
    Event,
    /// A place in the log. The earlier services stored what they read there under ObjectIds, so a purchase of theirs with
    /// the same content and timestamp is this one.
    RawRecord,
}

impl From<Purchase> for Entry {
    fn from(purchase: Purchase) -> Self {
        Self {
            purchase,
            origin: Origin::Event,
        }
    }
}

/// What became of one purchase of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// It is durably stored now.
    Stored,
    /// It was stored before with the same content, at this time, which stands.
    Duplicate { timestamp: Timestamp },
    /// Its id is taken by other content, which stands.
    Conflict,
}

/// Where storer puts purchases.
#[async_trait]
pub trait PurchaseWriter: Send + Sync {
    /// Records a batch, each purchase exactly once whatever is repeated, also within the batch; answers in the order of the
    /// batch. `Ok` only for what is durable.
    async fn record_all(&self, batch: Vec<Entry>) -> Vec<Result<Recorded, PortError>>;
}

/// What a store holds of a purchase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Absent,
    /// It is stored: recording it would be a duplicate.
    Same,
    /// Its id is taken by other content: recording it would be a conflict.
    Other,
}

/// Where redrive learns what recording would come to, without recording.
#[async_trait]
pub trait PurchaseLookup: Send + Sync {
    /// What stands of each purchase of a batch, in the order of the batch, compared as [`PurchaseWriter::record_all`] compares.
    /// Only what is durable stands.
    async fn look_up(&self, batch: Vec<Entry>) -> Result<Vec<Standing>, PortError>;
}

/// Whose purchases a list holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    User(UserId),
    Everyone,
}

/// Where query finds purchases.
#[async_trait]
pub trait PurchaseReader: Send + Sync {
    /// At most `limit` purchases of `owner` after the cursor, newest first. A longer list is read page by page.
    async fn list(
        &self,
        owner: &Owner,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Vec<Purchase>, PortError>;

    /// Which of these are stored, and whose they are.
    async fn find_owners(
        &self,
        ids: Vec<PurchaseId>,
    ) -> Result<HashMap<PurchaseId, UserId>, PortError>;

    /// The whole list of one user in sums.
    async fn summarize(&self, userid: &UserId) -> Result<Summary, PortError>;

    /// Resolves once something may have been stored since the last call, for one caller at a time; a store that cannot tell
    /// never resolves, and its callers poll at their own pace.
    async fn changed(&self) {
        std::future::pending::<()>().await;
    }
}
