//! What a worker does all day: take a batch from a log, settle it, say so, take the next.
//!
//! Invariant: a record is said to be done only after the settler gave it back. Workers share nothing but the log and the
//! settler, so any number of them may read the same log; whoever keeps its positions sorts out in which order they finish.

use crate::settle::{Arrival, Settler};

/// A log as its readers see it: it hands out records, and wants to know which of them are done.
pub trait Batches: Send + Sync {
    type Record: Send + Sync;

    /// Waits for at least one record and gives at most `max`; none once there will be no more. Whoever stops waiting takes no
    /// record along.
    fn next(&self, max: usize) -> impl Future<Output = Vec<Self::Record>> + Send;

    /// The effect of this record is durable, so its position may be committed once everything before it is done too.
    fn done(&self, record: &Self::Record);
}

/// Settles one batch after another, of at most `batch_max` records, until there will be no more. `read` says what is in a
/// record.
pub async fn work<B: Batches>(
    batches: &B,
    batch_max: usize,
    read: impl Fn(B::Record) -> Arrival<B::Record>,
    settler: &Settler<B::Record>,
) {
    loop {
        let records = batches.next(batch_max).await;
        if records.is_empty() {
            return;
        }
        let arrivals = records.into_iter().map(&read).collect();
        for record in settler.settle(arrivals).await {
            batches.done(&record);
        }
    }
}
