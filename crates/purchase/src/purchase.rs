//! A purchase, before and after it has an identity, and its place in a list.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::id::PurchaseId;
use crate::price::Price;
use crate::text::{Item, UserId, Username};
use crate::timestamp::Timestamp;

/// What somebody wants recorded: a purchase without identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPurchase {
    pub username: Username,
    pub userid: UserId,
    pub item: Option<Item>,
    pub price: Price,
    /// When it was made, if whoever states it knows better than we do.
    pub timestamp: Option<Timestamp>,
}

impl NewPurchase {
    /// Gives it its identity, and the time it was made unless it has one.
    #[must_use]
    pub fn identified(self, id: PurchaseId, now: Timestamp) -> Purchase {
        Purchase {
            id,
            username: self.username,
            userid: self.userid,
            item: self.item,
            price: self.price,
            timestamp: self.timestamp.unwrap_or(now),
        }
    }
}

/// A purchase: the fact that is recorded once and listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purchase {
    pub id: PurchaseId,
    pub username: Username,
    pub userid: UserId,
    pub item: Option<Item>,
    pub price: Price,
    pub timestamp: Timestamp,
}

impl Purchase {
    /// Whether both say the same. The timestamp is no part of it: a repeated request is made later and is still the same
    /// purchase; the first stored timestamp stands.
    #[must_use]
    pub fn same_content(&self, other: &Self) -> bool {
        self.userid == other.userid
            && self.username == other.username
            && self.item == other.item
            && self.price == other.price
    }

    /// Its place in a list.
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        Cursor {
            timestamp: self.timestamp,
            id: self.id,
        }
    }
}

/// A purchase on its way into the log, with the trace it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PurchaseEvent {
    pub purchase: Purchase,
    /// A W3C `traceparent`, ASCII.
    pub traceparent: Option<String>,
}

/// A place in a list: everything after it is older, or equally old with a smaller id. Lists are sorted by timestamp, then
/// id, both descending, so a cursor stays valid whatever is recorded meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    pub timestamp: Timestamp,
    pub id: PurchaseId,
}

/// A text that no list ever gave out as a cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be taken unchanged from the `Link` header of an earlier answer")]
pub struct CursorError;

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}~{}", self.timestamp.millis(), self.id)
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let (millis, id) = text.split_once('~').ok_or(CursorError)?;
        let millis = millis.parse().map_err(|_| CursorError)?;
        Ok(Self {
            timestamp: Timestamp::from_millis(millis).map_err(|_| CursorError)?,
            id: id.parse().map_err(|_| CursorError)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursor_reads_back_and_refuses_anything_else() {
        let cursor = Cursor {
            timestamp: Timestamp::from_millis(-1).unwrap(),
            id: "01936f2e-8a3c-7b41-9c55-1f0e6d2a7b10".parse().unwrap(),
        };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for text in [
            "",
            "~",
            "1~",
            "1~x",
            "x~01936f2e-8a3c-7b41-9c55-1f0e6d2a7b10",
            "1",
        ] {
            assert_eq!(text.parse::<Cursor>(), Err(CursorError), "{text}");
        }
    }
}
