//! When a purchase was made: milliseconds since the Unix epoch, shown as RFC 3339 in UTC with exactly three decimals.

use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Serialize, Serializer};
use thiserror::Error;

/// An instant between the years 0 and 9999, to the millisecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(DateTime<Utc>);

/// A text or number that is no timestamp. Reads on from the name of its field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be an RFC 3339 time of the years 0000 to 9999, such as 2026-01-31T12:00:00.000Z")]
pub struct TimestampError;

/// 0000-01-01T00:00:00Z and 9999-12-31T23:59:59.999Z: outside, RFC 3339 has no text.
const MILLIS: std::ops::RangeInclusive<i64> = -62_167_219_200_000..=253_402_300_799_999;

impl Timestamp {
    /// 1970-01-01T00:00:00.000Z.
    pub const EPOCH: Self = Self(DateTime::UNIX_EPOCH);

    /// From milliseconds since 1970-01-01T00:00:00Z.
    pub fn from_millis(millis: i64) -> Result<Self, TimestampError> {
        Some(millis)
            .filter(|millis| MILLIS.contains(millis))
            .and_then(DateTime::from_timestamp_millis)
            .map(Self)
            .ok_or(TimestampError)
    }

    /// From RFC 3339 with any offset; digits below the millisecond are cut off.
    pub fn parse(text: &str) -> Result<Self, TimestampError> {
        let time = DateTime::parse_from_rfc3339(text.trim()).map_err(|_| TimestampError)?;
        Self::from_millis(time.timestamp_millis())
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn millis(self) -> i64 {
        self.0.timestamp_millis()
    }

    /// The same instant in chrono's type, which the CloudEvents SDK speaks.
    #[must_use]
    pub fn datetime(self) -> DateTime<Utc> {
        self.0
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_has_three_decimals_and_z() {
        for (text, shown) in [
            ("2026-11-22T23:40:30Z", "2026-11-22T23:40:30.000Z"),
            (
                "2026-11-22T23:40:30.123456+01:00",
                "2026-11-22T22:40:30.123Z",
            ),
            ("0000-01-01T00:00:00Z", "0000-01-01T00:00:00.000Z"),
            ("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"),
        ] {
            let timestamp = Timestamp::parse(text).unwrap();
            assert_eq!(timestamp.to_string(), shown);
            assert_eq!(Timestamp::from_millis(timestamp.millis()), Ok(timestamp));
        }
    }

    #[test]
    fn what_has_no_text_is_refused() {
        assert_eq!(Timestamp::parse("yesterday"), Err(TimestampError));
        assert_eq!(Timestamp::parse("2026-11-22"), Err(TimestampError));
        assert_eq!(
            Timestamp::parse("9999-12-31T23:59:59.999-01:00"),
            Err(TimestampError)
        );
        assert_eq!(Timestamp::from_millis(i64::MAX), Err(TimestampError));
        assert_eq!(
            Timestamp::from_millis(253_402_300_800_000),
            Err(TimestampError)
        );
    }
}
