//! What the delivery did and what it waits for, for metrics, logs and a watchdog.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use purchase::PortError;
use purchase::event::Reason;
use tokio::time::Instant;

/// What a settler did and waits for, for metrics and for a watchdog.
#[derive(Debug, Default)]
pub struct Progress {
    calls: Mutex<BTreeMap<u64, Instant>>,
    calls_begun: AtomicU64,
    stored: AtomicU64,
    duplicates: AtomicU64,
    dead: [AtomicU64; Reason::ALL.len()],
    /// Batches that the store, or the dead letters, did not take at their last try.
    pub(crate) store_refuses: AtomicU64,
    pub(crate) dead_letters_refuse: AtomicU64,
}

impl Progress {
    /// Purchases that were stored.
    pub fn stored(&self) -> u64 {
        self.stored.load(Ordering::Relaxed)
    }

    /// Purchases that were stored before.
    pub fn duplicates(&self) -> u64 {
        self.duplicates.load(Ordering::Relaxed)
    }

    /// Records that became dead letters.
    pub fn dead(&self, reason: Reason) -> u64 {
        self.dead[place_of(reason)].load(Ordering::Relaxed)
    }

    /// Whether a batch waits because the store did not take it.
    pub fn store_refuses(&self) -> bool {
        self.store_refuses.load(Ordering::Relaxed) > 0
    }

    /// Whether a batch waits because a dead letter could not be written.
    pub fn dead_letters_refuse(&self) -> bool {
        self.dead_letters_refuse.load(Ordering::Relaxed) > 0
    }

    /// How long the store or the dead letters have owed the answer that is owed longest. Both answer within deadlines of
    /// their own, so minutes mean that something is broken.
    pub fn longest_call(&self) -> Duration {
        let oldest = self.calls().values().min().copied();
        oldest.map_or(Duration::ZERO, |begun| begun.elapsed())
    }

    /// Until the guard is dropped, a call is going on.
    pub(crate) fn call(&self) -> Call<'_> {
        let number = self.calls_begun.fetch_add(1, Ordering::Relaxed);
        self.calls().insert(number, Instant::now());
        Call {
            progress: self,
            number,
        }
    }

    fn calls(&self) -> MutexGuard<'_, BTreeMap<u64, Instant>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn count_stored(&self) {
        self.stored.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_duplicate(&self) {
        self.duplicates.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_dead(&self, reason: Reason) {
        self.dead[place_of(reason)].fetch_add(1, Ordering::Relaxed);
    }
}

/// A call that is going on.
pub(crate) struct Call<'a> {
    progress: &'a Progress,
    number: u64,
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.progress.calls().remove(&self.number);
    }
}

fn place_of(reason: Reason) -> usize {
    Reason::ALL
        .iter()
        .position(|other| *other == reason)
        .unwrap_or(0)
}

/// Failures in a row of one batch; as long as there are any, the gauge says so.
pub(crate) struct Failures<'a> {
    gauge: &'a AtomicU64,
    count: u32,
}

impl<'a> Failures<'a> {
    pub(crate) fn of(gauge: &'a AtomicU64) -> Self {
        Self { gauge, count: 0 }
    }

    pub(crate) fn another(&mut self) -> u32 {
        if self.count == 0 {
            self.gauge.fetch_add(1, Ordering::Relaxed);
        }
        self.count = self.count.saturating_add(1);
        self.count
    }

    /// Seldom enough not to fill a disk in an outage of hours.
    pub(crate) fn tell(&self, error: &PortError, wait: Duration, waiting: usize, what: &str) {
        if !self.count.is_power_of_two() {
            return;
        }
        let (failures, wait_ms) = (self.count, wait.as_millis());
        match error {
            PortError::Transient(_) => tracing::warn!(waiting, failures, wait_ms, %error, "{what}"),
            PortError::Permanent(_) => {
                tracing::error!(waiting, failures, wait_ms, %error, "{what}, until somebody mends it");
            }
        }
    }
}

impl Drop for Failures<'_> {
    fn drop(&mut self) {
        if self.count > 0 {
            self.gauge.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
