//! What the delivery did and what it waits for, for metrics, logs and a watchdog.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use purchase::PortError;
use purchase::event::Reason;
use tokio::time::Instant;

/// What a settler did and waits for, for metrics and for a watchdog.
#[derive(Debug)]
pub struct Progress {
    started: Instant,
    /// Milliseconds after `started`.
    last_answer: AtomicU64,
    stored: AtomicU64,
    duplicates: AtomicU64,
    dead: [AtomicU64; Reason::ALL.len()],
    /// Batches that the store, or the dead letters, did not take at their last try.
    pub(crate) store_refuses: AtomicU64,
    pub(crate) dead_letters_refuse: AtomicU64,
}

impl Default for Progress {
    fn default() -> Self {
        Self {
            started: Instant::now(),
            last_answer: AtomicU64::default(),
            stored: AtomicU64::default(),
            duplicates: AtomicU64::default(),
            dead: Default::default(),
            store_refuses: AtomicU64::default(),
            dead_letters_refuse: AtomicU64::default(),
        }
    }
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

    /// How long ago a store or the dead letters last answered, whatever they answered, or a batch began.
    pub fn silent_for(&self) -> Duration {
        let last = Duration::from_millis(self.last_answer.load(Ordering::Relaxed));
        self.started.elapsed().saturating_sub(last)
    }

    pub(crate) fn answered(&self) {
        let millis = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_answer.store(millis, Ordering::Relaxed);
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
