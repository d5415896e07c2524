//! A batch of records of a log, until each of them is stored or kept as a dead letter.
//!
//! Invariant: [`Settler::settle`] returns only when every record's effect is durable, however long that takes. So whoever reads
//! the log may commit the batch's positions then, and never before.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use purchase::event::Rejection;
use purchase::{Entry, PortError, PurchaseWriter, Recorded};
use tokio::time::sleep;

use crate::progress::{Failures, Progress};

/// A record of a log and what was found in it.
#[derive(Debug)]
pub struct Arrival<R> {
    pub record: R,
    pub entry: Result<Entry, Rejection>,
}

/// Where records go that can never be stored.
#[async_trait]
pub trait DeadLetters<R>: Send + Sync {
    /// Keeps the record with the reason; `Ok` only once that is durable. Answers within its own deadline.
    async fn bury(&self, record: &R, rejection: &Rejection) -> Result<(), PortError>;
}

/// How long to wait before the next try: doubled each time, with jitter, without end.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    pub first: Duration,
    pub longest: Duration,
    /// Random bytes, so that many processes do not come back to a store that recovers at the same moment.
    pub random: fn() -> [u8; 10],
}

impl Pace {
    /// Short enough for a store to be used again within three seconds of its return.
    #[must_use]
    pub fn new(random: fn() -> [u8; 10]) -> Self {
        Self {
            first: Duration::from_millis(50),
            longest: Duration::from_secs(1),
            random,
        }
    }

    /// Between half and all of the wait that this many failures in a row deserve.
    fn wait(&self, failures: u32) -> Duration {
        let doubled = self
            .first
            .saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1)));
        let most = doubled.min(self.longest);
        most.mul_f64(0.5 + f64::from((self.random)()[0]) / 512.0)
    }
}

/// Brings batches to the store and to the dead letters.
pub struct Settler<R> {
    pub writer: Arc<dyn PurchaseWriter>,
    pub dead_letters: Arc<dyn DeadLetters<R>>,
    pub pace: Pace,
    pub progress: Arc<Progress>,
}

impl<R: Send + Sync> Settler<R> {
    /// Returns the records once all of them are stored or dead letters.
    pub async fn settle(&self, batch: Vec<Arrival<R>>) -> Vec<R> {
        let mut records = Vec::with_capacity(batch.len());
        let mut entries = Vec::with_capacity(batch.len());
        let mut refused = Vec::new();
        for (index, arrival) in batch.into_iter().enumerate() {
            records.push(arrival.record);
            match arrival.entry {
                Ok(entry) => entries.push((index, entry)),
                Err(rejection) => refused.push((index, rejection)),
            }
        }
        refused.extend(self.store(entries).await);
        join_all(
            refused
                .iter()
                .map(|(index, rejection)| self.bury(&records[*index], rejection)),
        )
        .await;
        records
    }

    /// Stores what can be stored, and gives back the conflicts.
    async fn store(&self, mut entries: Vec<(usize, Entry)>) -> Vec<(usize, Rejection)> {
        let mut refused = Vec::new();
        let mut failures = Failures::of(&self.progress.store_refuses);
        while !entries.is_empty() {
            let batch = entries.iter().map(|(_, entry)| entry.clone()).collect();
            let call = self.progress.call();
            let mut answers = self.writer.record_all(batch).await.into_iter();
            drop(call);
            let mut failed = None;
            entries.retain(|(index, _)| match answers.next() {
                Some(Ok(Recorded::Stored)) => {
                    self.progress.count_stored();
                    false
                }
                Some(Ok(Recorded::Duplicate { .. })) => {
                    self.progress.count_duplicate();
                    false
                }
                Some(Ok(Recorded::Conflict)) => {
                    refused.push((*index, Rejection::conflict()));
                    false
                }
                Some(Err(error)) => {
                    failed = Some(error);
                    true
                }
                None => {
                    failed = Some(PortError::transient("no answer for a purchase"));
                    true
                }
            });
            if let Some(error) = failed {
                let wait = self.pace.wait(failures.another());
                failures.tell(&error, wait, entries.len(), "purchases wait for the store");
                sleep(wait).await;
            }
        }
        refused
    }

    async fn bury(&self, record: &R, rejection: &Rejection) {
        let mut failures = Failures::of(&self.progress.dead_letters_refuse);
        while let Err(error) = self.try_to_bury(record, rejection).await {
            let wait = self.pace.wait(failures.another());
            failures.tell(&error, wait, 1, "dead letters wait to be written");
            sleep(wait).await;
        }
        self.progress.count_dead(rejection.reason);
    }

    async fn try_to_bury(&self, record: &R, rejection: &Rejection) -> Result<(), PortError> {
        let _call = self.progress.call();
        self.dead_letters.bury(record, rejection).await
    }
}
