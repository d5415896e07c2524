//! Durations as the control plane of Knative reads them, which is coarser than anybody expects.

use std::str::FromStr;
use std::time::Duration;

/// A period of ISO 8601 such as `PT0.3S` or `P1DT2H`. Each part is cut to tenths, so `PT0.05S` is nothing at all, and may not
/// exceed 3,276.7. Years and months, which have no length, are not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Period(pub(crate) Duration);

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadPeriod;

impl FromStr for Period {
    type Err = BadPeriod;

    fn from_str(text: &str) -> Result<Self, BadPeriod> {
        // A sign is read and then ignored, there as here.
        let text = text.strip_prefix(['+', '-']).unwrap_or(text);
        if text == "P0" {
            return Ok(Self(Duration::ZERO));
        }
        parts(text).map(Self).ok_or(BadPeriod)
    }
}

fn parts(text: &str) -> Option<Duration> {
    let mut rest = text.strip_prefix('P')?;
    let (mut of_day, mut seen, mut sum) = (false, Vec::new(), Duration::ZERO);
    let mut has_fraction = false;
    while !rest.is_empty() {
        if let Some(behind) = rest.strip_prefix('T').filter(|_| !of_day) {
            (rest, of_day) = (behind, true);
            continue;
        }
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.' && c != ',')?;
        let designator = rest[end..].chars().next()?;
        let unit_seconds = match (designator, of_day) {
            ('W', false) => 7 * 24 * 60 * 60,
            ('D', false) => 24 * 60 * 60,
            ('H', true) => 60 * 60,
            ('M', true) => 60,
            ('S', true) => 1,
            _ => return None,
        };
        let tenths = tenths(&rest[..end])?;
        // Only the last part may have a fraction, and none comes twice.
        if seen.contains(&designator) || (has_fraction && tenths % 10 != 0) {
            return None;
        }
        has_fraction = tenths % 10 != 0;
        seen.push(designator);
        sum += Duration::from_millis(u64::from(tenths) * unit_seconds * 100);
        rest = &rest[end + designator.len_utf8()..];
    }
    (!seen.is_empty()).then_some(sum)
}

fn tenths(number: &str) -> Option<u32> {
    let (whole, fraction) = number.split_once(['.', ',']).unwrap_or((number, ""));
    let whole: u32 = whole.parse().ok()?;
    let first = match fraction.chars().next() {
        Some(digit) => digit.to_digit(10)?,
        None => 0,
    };
    let tenths = whole.checked_mul(10)?.checked_add(first)?;
    i16::try_from(tenths).is_ok().then_some(tenths)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(text: &str) -> Option<u128> {
        text.parse().ok().map(|Period(period)| period.as_millis())
    }

    #[test]
    fn periods_are_cut_to_tenths() {
        for (text, expected) in [
            ("PT0.05S", 0),
            ("PT0.1S", 100),
            ("PT0.19S", 100),
            ("PT0,3S", 300),
            ("PT1.S", 1_000),
            ("PT600S", 600_000),
            ("-PT2S", 2_000),
            ("PT0.5M", 30_000),
            ("P1DT2H3M4.5S", 93_784_500),
            ("P1W", 604_800_000),
            ("P0", 0),
            ("P0D", 0),
            ("PT3276.7S", 3_276_700),
        ] {
            assert_eq!(millis(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_period_is_refused() {
        for text in [
            "",
            "-",
            "1S",
            "P",
            "PT",
            "PTS",
            "PT1",
            "PT.5S",
            "PT1..S",
            "T1S",
            "P1S",
            "PT1D",
            "PT1S1S",
            "PT0.5M1.5S",
            "PTT1S",
            "P1Y",
            "P1M",
            "PT3277S",
            "PT99999999999S",
            "PT1s",
            "PT1ä",
            "0.3",
            "300ms",
        ] {
            assert_eq!(millis(text), None, "{text}");
        }
    }
}
