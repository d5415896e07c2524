//! The answer to a purchase that nobody confirmed.

use purchase::Purchase;
use serve::{BoxError, Problem};

use crate::created::list_of;

/// A client that tries again sooner only meets the same outage.
const RETRY_AFTER_S: u32 = 2;

/// What is known of a purchase that was not confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unconfirmed {
    /// It is not recorded and will not be.
    NotRecorded,
    /// It is recorded, or will be, or not.
    Unknown,
}

/// 503 with the id and what is known, and what the client can do without buying twice.
#[must_use]
pub fn unconfirmed(
    known: Unconfirmed,
    purchase: &Purchase,
    keyed: bool,
    cause: impl Into<BoxError>,
) -> Problem {
    let (recorded, sentence) = match (known, keyed) {
        (Unconfirmed::NotRecorded, _) => (
            "no",
            "The purchase was not recorded. Send it again in a moment.".to_owned(),
        ),
        (Unconfirmed::Unknown, true) => (
            "unknown",
            "The purchase may have been recorded or not. Send it again with the same \
             Idempotency-Key: it will not be bought twice."
                .to_owned(),
        ),
        (Unconfirmed::Unknown, false) => (
            "unknown",
            format!(
                "The purchase may have been recorded or not. Before you send it again, look for \
                 its id in {}. With an Idempotency-Key you could simply repeat it.",
                list_of(purchase)
            ),
        ),
    };
    Problem::unavailable(sentence, RETRY_AFTER_S)
        .member("id", purchase.id.to_string())
        .member("recorded", recorded)
        .because(cause)
}
