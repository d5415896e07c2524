//! Mistakes that a worker could make, around the real one: what proves that the rules can be broken, and that it is seen.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use delivery::{Batches, DeadLetters, Pace};
use purchase::event::Rejection;
use purchase::{Entry, PortError, PurchaseWriter, Recorded};

use crate::record::Taken;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    SaysDoneFirst,
    NeverSaysDone,
    TakesConflictsForDuplicates,
    /// After so many failures in a row it goes on as if the batch were stored.
    GivesUpWriting {
        after: u32,
    },
    GivesUpBurying,
    DoesNotPause,
}

impl Flaw {
    pub(crate) const ALL: [Self; 6] = [
        Self::SaysDoneFirst,
        Self::NeverSaysDone,
        Self::TakesConflictsForDuplicates,
        Self::GivesUpWriting { after: 10 },
        Self::GivesUpBurying,
        Self::DoesNotPause,
    ];
}

/// What a worker has to do with, and the mistake that is made with it.
pub(crate) struct Flawed<T> {
    pub(crate) inner: T,
    pub(crate) flaw: Option<Flaw>,
    failures: AtomicU32,
}

impl<T> Flawed<T> {
    pub(crate) fn new(inner: T, flaw: Option<Flaw>) -> Self {
        Self {
            inner,
            flaw,
            failures: AtomicU32::new(0),
        }
    }
}

impl<T: Batches> Batches for Flawed<T> {
    type Record = T::Record;

    async fn next(&self, max: usize) -> Vec<T::Record> {
        let batch = self.inner.next(max).await;
        if self.flaw == Some(Flaw::SaysDoneFirst) {
            batch.iter().for_each(|record| self.inner.done(record));
        }
        batch
    }

    fn done(&self, record: &T::Record) {
        match self.flaw {
            Some(Flaw::SaysDoneFirst | Flaw::NeverSaysDone) => {}
            _ => self.inner.done(record),
        }
    }
}

#[async_trait]
impl<T: PurchaseWriter> PurchaseWriter for Flawed<T> {
    async fn record_all(&self, batch: Vec<Entry>) -> Vec<Result<Recorded, PortError>> {
        let timestamps: Vec<_> = batch.iter().map(|entry| entry.purchase.timestamp).collect();
        let mut answers = self.inner.record_all(batch).await;
        if answers.iter().all(Result::is_ok) {
            self.failures.store(0, Ordering::Relaxed);
        }
        let failures = self.failures.fetch_add(1, Ordering::Relaxed);
        for (answer, timestamp) in answers.iter_mut().zip(timestamps) {
            let given_up =
                matches!(self.flaw, Some(Flaw::GivesUpWriting { after }) if failures >= after);
            let mistaken = self.flaw == Some(Flaw::TakesConflictsForDuplicates)
                && matches!(answer, Ok(Recorded::Conflict));
            if given_up || mistaken {
                *answer = Ok(Recorded::Duplicate { timestamp });
            }
        }
        answers
    }
}

#[async_trait]
impl<T: DeadLetters<Taken>> DeadLetters<Taken> for Flawed<T> {
    async fn bury(&self, taken: &Taken, rejection: &Rejection) -> Result<(), PortError> {
        let buried = self.inner.bury(taken, rejection).await;
        if self.flaw == Some(Flaw::GivesUpBurying) {
            return Ok(());
        }
        buried
    }
}

/// As in production, or with no pauses at all.
pub(crate) fn pace(random: fn() -> [u8; 10], flaw: Option<Flaw>) -> Pace {
    let pace = Pace::new(random);
    match flaw {
        Some(Flaw::DoesNotPause) => Pace {
            longest: Duration::ZERO,
            ..pace
        },
        _ => pace,
    }
}
