//! Purchases to test with.

use purchase::{
    Entry, Item, Price, Purchase, PurchaseId, Stamp, Summary, Summing, Timestamp, UserId, Username,
};

/// 2026-01-31T12:00:00.000Z: a time that never changes.
pub const NOON_MS: i64 = 1_769_860_800_000;

/// A clock that stands still and randomness that is none, so that answers can be snapshots.
pub const STAMP: Stamp = Stamp {
    now: noon,
    random: || [7; 10],
};
/// The id that [`STAMP`] gives to every purchase without a key.
pub const STAMPED_ID: &str = "019c13ec-9e00-7707-8707-070707070707";

fn noon() -> Timestamp {
    Timestamp::from_millis(NOON_MS).unwrap()
}

/// User ids that a path, a query language, a regular expression or a filter could take for something else.
pub const HOSTILE_USER_IDS: [&str; 14] = [
    "a/b",
    "a%2Fb",
    "..%2f",
    "%",
    "%00",
    ".*",
    "{\"$ne\":null}",
    "🛒 émoji",
    "' OR 1=1 --",
    "a?b#c&d=e+f",
    "../../etc/passwd",
    "Zażółć gęślą jaźń",
    "/",
    "a;b=c,d",
];

/// A purchase of `userid` at noon with a fresh id; change what matters with `..`.
#[must_use]
pub fn purchase(userid: &str) -> Purchase {
    at(userid, NOON_MS)
}

/// A purchase of `userid` at a time in milliseconds since the epoch, with a fresh id.
#[must_use]
pub fn at(userid: &str, millis: i64) -> Purchase {
    let timestamp = Timestamp::from_millis(millis).unwrap();
    Purchase {
        id: PurchaseId::random(timestamp, (Stamp::system().random)()),
        username: Username::parse("Ada Lovelace").unwrap(),
        userid: UserId::parse(userid).unwrap(),
        item: Some(Item::parse("tea").unwrap()),
        price: Price::parse("12.5").unwrap(),
        timestamp,
    }
}

/// A user id that no other test uses, so that tests can share a server.
#[must_use]
pub fn fresh_user() -> String {
    format!("user-{}", purchase("x").id)
}

/// What a store is asked to record of purchases that were bought.
#[must_use]
pub fn entries(purchases: &[Purchase]) -> Vec<Entry> {
    purchases.iter().cloned().map(Entry::from).collect()
}

/// What a store should say of these purchases of one user.
#[must_use]
pub fn summary(purchases: &[Purchase]) -> Summary {
    let mut sums = Summing::default();
    for purchase in purchases {
        sums.add(purchase).unwrap();
    }
    sums.end()
}
