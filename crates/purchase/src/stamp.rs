//! Where identity and time of a new purchase come from.

use std::time::SystemTime;

use crate::id::{IdempotencyKey, PurchaseId};
use crate::purchase::{NewPurchase, Purchase};
use crate::timestamp::Timestamp;

/// A clock and a source of randomness, passed in so that tests can fix both.
#[derive(Debug, Clone, Copy)]
pub struct Stamp {
    pub now: fn() -> Timestamp,
    pub random: fn() -> [u8; 10],
}

impl Stamp {
    /// The machine's clock and random numbers.
    #[must_use]
    pub fn system() -> Self {
        Self {
            now: system_now,
            random: system_random,
        }
    }

    /// Gives a new purchase its id, derived from the key if there is one, and its time.
    #[must_use]
    pub fn identify(&self, new: NewPurchase, key: Option<&IdempotencyKey>) -> Purchase {
        let now = (self.now)();
        let id = match key {
            Some(key) => PurchaseId::keyed(key, &new),
            None => PurchaseId::random(now, (self.random)()),
        };
        new.identified(id, now)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the clock"
)]
fn system_now() -> Timestamp {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let millis = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
    // Only a clock set beyond the year 9999 fails here; the epoch is then as good a time as any.
    Timestamp::from_millis(millis).unwrap_or(Timestamp::EPOCH)
}

#[expect(
    clippy::expect_used,
    reason = "without randomness ids could collide, so going on would be worse"
)]
fn system_random() -> [u8; 10] {
    let mut bytes = [0; 10];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}
