//! What somebody spent, in sums.

use std::collections::HashMap;
use std::fmt;

use serde::{Serialize, Serializer};

use crate::price::Price;
use crate::purchase::Purchase;
use crate::text::Item;
use crate::timestamp::Timestamp;

/// A day in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(i64);

impl Day {
    pub const MILLIS: i64 = 86_400_000;

    /// The day of an instant.
    #[must_use]
    pub fn of(timestamp: Timestamp) -> Self {
        Self(timestamp.millis().div_euclid(Self::MILLIS))
    }

    /// By its number, counted from 1970-01-01; none if it is outside of the years 0 to 9999.
    #[must_use]
    pub fn from_number(number: i64) -> Option<Self> {
        let millis = number.checked_mul(Self::MILLIS)?;
        Timestamp::from_millis(millis).ok().map(Self::of)
    }
}

/// `2026-01-31`.
impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let begin = Timestamp::from_millis(self.0 * Self::MILLIS).map_err(|_| fmt::Error)?;
        write!(f, "{:.10}", begin.to_string())
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// How many purchases, and their prices together: exact, as long as 34 digits hold the sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Sum {
    pub count: u64,
    pub total: Price,
}

/// The purchases of one item, or of those without one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ItemSum {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item: Option<Item>,
    #[serde(flatten)]
    pub sum: Sum,
}

/// The purchases of one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct DaySum {
    pub day: Day,
    #[serde(flatten)]
    pub sum: Sum,
}

/// A list in sums. Its parts are bounded, whatever is on the list; its whole has no bound.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    #[serde(flatten)]
    pub all: Sum,
    /// Where most was spent, that first; at most [`Summary::PARTS_MAX`].
    pub by_item: Vec<ItemSum>,
    /// The newest ones, in the order of time; at most [`Summary::PARTS_MAX`].
    pub by_day: Vec<DaySum>,
}

impl Summary {
    pub const PARTS_MAX: usize = 1_000;

    /// Puts the parts into their order.
    #[must_use]
    pub fn new(all: Sum, mut by_item: Vec<ItemSum>, mut by_day: Vec<DaySum>) -> Self {
        by_item.sort_by(|a, b| {
            let [first, second] = [a, b].map(|part| part.item.as_ref().map(Item::as_str));
            let totals = b.sum.total.cmp(&a.sum.total);
            totals.then_with(|| first.cmp(&second))
        });
        by_item.truncate(Self::PARTS_MAX);
        by_day.sort_by_key(|part| part.day);
        by_day.drain(..by_day.len().saturating_sub(Self::PARTS_MAX));
        Self {
            all,
            by_item,
            by_day,
        }
    }
}

/// Sums to which purchases are added one by one.
#[derive(Debug, Default)]
pub struct Summing {
    all: Sum,
    items: HashMap<Option<Item>, Sum>,
    days: HashMap<Day, Sum>,
}

impl Summing {
    /// None if 34 digits do not hold a sum.
    #[must_use]
    pub fn add(&mut self, purchase: &Purchase) -> Option<()> {
        let item = self.items.entry(purchase.item.clone()).or_default();
        let day = self.days.entry(Day::of(purchase.timestamp)).or_default();
        for sum in [&mut self.all, item, day] {
            sum.count += 1;
            sum.total = sum.total.checked_add(purchase.price)?;
        }
        Some(())
    }

    #[must_use]
    pub fn end(self) -> Summary {
        let items = self.items.into_iter();
        let days = self.days.into_iter();
        Summary::new(
            self.all,
            items.map(|(item, sum)| ItemSum { item, sum }).collect(),
            days.map(|(day, sum)| DaySum { day, sum }).collect(),
        )
    }
}

impl Default for Sum {
    fn default() -> Self {
        Self::NOTHING
    }
}

impl Sum {
    pub const NOTHING: Self = Self {
        count: 0,
        total: Price::ZERO,
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight_in_utc_also_before_1970() {
        for (time, day) in [
            ("1970-01-01T00:00:00.000Z", "1970-01-01"),
            ("1969-12-31T23:59:59.999Z", "1969-12-31"),
            ("2026-01-31T23:30:00.000-01:00", "2026-02-01"),
            ("0000-01-01T00:00:00.000Z", "0000-01-01"),
            ("9999-12-31T23:59:59.999Z", "9999-12-31"),
        ] {
            let found = Day::of(Timestamp::parse(time).unwrap());
            assert_eq!(found.to_string(), day);
            assert_eq!(Day::from_number(found.0), Some(found));
        }
        assert_eq!(Day::from_number(i64::MAX), None);
        assert_eq!(Day::from_number(3_000_000), None);
    }
}
