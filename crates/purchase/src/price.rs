//! A price: an exact decimal, read from its text and never through a float.
//!
//! Invariant: two prices are equal exactly when their canonical texts are equal, and `parse(price.to_string()) == price`.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer, ser::Error as _};
use serde_json::value::RawValue;
use thiserror::Error;

/// Digits before the decimal point accepted today: a price is at most 999999999999999.
pub const INTEGER_DIGITS_MAX: i32 = 15;
/// Every decimal of up to 15 significant digits survives a trip through a double, so JSON stays exact in every client.
pub const SIGNIFICANT_DIGITS_MAX: usize = 15;
/// Decimals accepted today, trailing zeros not counted.
pub const DECIMALS_MAX: i32 = 6;

/// What a Decimal128 holds, and so what a store can keep of an earlier service's price.
const STORED_DIGITS_MAX: usize = 34;
const STORED_EXPONENT: std::ops::RangeInclusive<i32> = -6_176..=6_111;

/// A decimal number `digits × 10^exponent`, in one form only: `digits` has no trailing zero, and zero is `0 × 10^0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Price {
    negative: bool,
    digits: u128,
    exponent: i32,
}

/// Why a price is not acceptable. Reads on from the word "price".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PriceError {
    /// Not written as `[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?`.
    #[error(
        "must be a plain number such as 12.5: digits with a point, without sign, comma or currency"
    )]
    NotPlain,
    /// Zero or below.
    #[error("must be above zero")]
    NotPositive,
    /// More than [`INTEGER_DIGITS_MAX`] digits before the decimal point.
    #[error("must be at most 999999999999999")]
    TooLarge,
    /// More than [`DECIMALS_MAX`] decimals.
    #[error("must have at most 6 decimals, but has {0}")]
    TooManyDecimals(i32),
    /// More than [`SIGNIFICANT_DIGITS_MAX`] significant digits.
    #[error("must have at most 15 significant digits, but has {0}")]
    TooManyDigits(usize),
    /// A recorded price that no store can hold exactly.
    #[error("must be a decimal number of at most 34 digits")]
    NotStorable,
}

impl Price {
    /// Today's rule: `[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?`, above 0, at most 999999999999999, at most 15 significant digits and 6
    /// decimals. Surrounding white space is trimmed. The rule is about the value: `1.50000000` is 1.5 and fine.
    pub fn parse(text: &str) -> Result<Self, PriceError> {
        let decimal = Decimal::scan(text.trim()).ok_or(PriceError::NotPlain)?;
        if decimal.negative || decimal.digits.is_empty() {
            return Err(PriceError::NotPositive);
        }
        let length = decimal.digits.len();
        if decimal.integer_digits() > INTEGER_DIGITS_MAX {
            return Err(PriceError::TooLarge);
        }
        if decimal.exponent < -DECIMALS_MAX {
            return Err(PriceError::TooManyDecimals(
                decimal.exponent.saturating_neg(),
            ));
        }
        if length > SIGNIFICANT_DIGITS_MAX {
            return Err(PriceError::TooManyDigits(length));
        }
        decimal.value().ok_or(PriceError::TooManyDigits(length))
    }

    pub const ZERO: Self = Self {
        negative: false,
        digits: 0,
        exponent: 0,
    };

    /// The exact sum; none if it has more than 34 digits.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        let exponent = match (self.digits, other.digits) {
            (0, _) => return Some(other),
            (_, 0) => return Some(self),
            _ => self.exponent.min(other.exponent),
        };
        let sum = self
            .scaled(exponent)?
            .checked_add(other.scaled(exponent)?)?;
        let mut digits = sum.unsigned_abs();
        let mut exponent = exponent;
        if digits == 0 {
            return Some(Self::ZERO);
        }
        while digits.is_multiple_of(10) {
            digits /= 10;
            exponent += 1;
        }
        let is_storable = digits < 10_u128.pow(34) && STORED_EXPONENT.contains(&exponent);
        is_storable.then_some(Self {
            negative: sum < 0,
            digits,
            exponent,
        })
    }

    /// The digits at a lower power of ten, with their sign.
    fn scaled(self, exponent: i32) -> Option<i128> {
        let shift = u32::try_from(self.exponent - exponent).ok()?;
        let digits = self.digits.checked_mul(10_u128.checked_pow(shift)?)?;
        let digits = i128::try_from(digits).ok()?;
        Some(if self.negative { -digits } else { digits })
    }

    /// A price that an earlier service acknowledged: any decimal that a Decimal128 holds exactly, negative ones and zero
    /// included.
    pub fn recorded(text: &str) -> Result<Self, PriceError> {
        let decimal = Decimal::scan(text.trim()).ok_or(PriceError::NotStorable)?;
        if !STORED_EXPONENT.contains(&decimal.exponent) {
            return Err(PriceError::NotStorable);
        }
        decimal.value().ok_or(PriceError::NotStorable)
    }
}

/// By value.
impl Ord for Price {
    fn cmp(&self, other: &Self) -> Ordering {
        let sign = |price: &Self| match (price.digits, price.negative) {
            (0, _) => 0,
            (_, true) => -1,
            (_, false) => 1,
        };
        // Of equal signs: the place of the first digit, and then the digits, as if both had as many.
        let size = |price: &Self| {
            let length = price.digits.checked_ilog10().unwrap_or(0);
            let padding = 10_u128.pow(37_u32.saturating_sub(length));
            let place = i64::from(price.exponent) + i64::from(length);
            (place, price.digits.saturating_mul(padding))
        };
        sign(self).cmp(&sign(other)).then_with(|| match sign(self) {
            0 => Ordering::Equal,
            1 => size(self).cmp(&size(other)),
            _ => size(other).cmp(&size(self)),
        })
    }
}

impl PartialOrd for Price {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A price as it was written: significant digits without leading or trailing zeros, and a power of ten.
struct Decimal {
    negative: bool,
    digits: Vec<u8>,
    exponent: i32,
}

impl Decimal {
    fn scan(text: &str) -> Option<Self> {
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, power) = match text.split_once(['e', 'E']) {
            Some((mantissa, power)) => (mantissa, scan_power(power)?),
            None => (text, 0),
        };
        let (integer, fraction) = match mantissa.split_once('.') {
            Some((_, "")) => return None,
            Some(parts) => parts,
            None => (mantissa, ""),
        };
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if integer.is_empty() || !all_digits(integer) || !all_digits(fraction) {
            return None;
        }
        let mut digits: Vec<u8> = integer.bytes().chain(fraction.bytes()).collect();
        let leading = digits.iter().take_while(|digit| **digit == b'0').count();
        digits.drain(..leading);
        let mut exponent = power.saturating_sub(i32::try_from(fraction.len()).ok()?);
        while digits.last() == Some(&b'0') {
            digits.pop();
            exponent = exponent.saturating_add(1);
        }
        if digits.is_empty() {
            return Some(Self {
                negative: false,
                digits,
                exponent: 0,
            });
        }
        Some(Self {
            negative,
            digits,
            exponent,
        })
    }

    /// Digits before the decimal point.
    fn integer_digits(&self) -> i32 {
        i32::try_from(self.digits.len())
            .unwrap_or(i32::MAX)
            .saturating_add(self.exponent)
    }

    fn value(&self) -> Option<Price> {
        if self.digits.len() > STORED_DIGITS_MAX {
            return None;
        }
        // At most 34 digits: below 10^34 and so within a u128.
        let digits = self
            .digits
            .iter()
            .fold(0, |sum, digit| sum * 10 + u128::from(digit - b'0'));
        Some(Price {
            negative: self.negative,
            digits,
            exponent: self.exponent,
        })
    }
}

/// A power of ten; far beyond any price it saturates, which leaves it just as far out of bounds.
fn scan_power(text: &str) -> Option<i32> {
    let (negative, digits) = match text.as_bytes() {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] | digits => (false, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let power = digits.iter().fold(0_i32, |power, digit| {
        power
            .saturating_mul(10)
            .saturating_add(i32::from(digit - b'0'))
    });
    Some(if negative { -power } else { power })
}

/// The canonical text: plain digits up to 34 places on either side of the point, else scientific. Always a JSON number.
impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.negative { "-" } else { "" };
        let digits = self.digits.to_string();
        let places = usize::try_from(self.exponent.unsigned_abs()).unwrap_or(usize::MAX);
        if places > STORED_DIGITS_MAX {
            let (first, rest) = digits.split_at(1);
            let point = if rest.is_empty() { "" } else { "." };
            let power = i64::from(self.exponent) + i64::try_from(rest.len()).unwrap_or(0);
            write!(f, "{sign}{first}{point}{rest}e{power}")
        } else if self.exponent >= 0 {
            write!(f, "{sign}{digits}{}", "0".repeat(places))
        } else if let Some(point) = digits.len().checked_sub(places).filter(|point| *point > 0) {
            let (integer, fraction) = digits.split_at(point);
            write!(f, "{sign}{integer}.{fraction}")
        } else {
            write!(f, "{sign}0.{digits:0>places$}")
        }
    }
}

/// Reads a canonical text back; the same as [`Price::recorded`].
impl FromStr for Price {
    type Err = PriceError;

    fn from_str(text: &str) -> Result<Self, PriceError> {
        Self::recorded(text)
    }
}

/// A JSON number with exactly the canonical text.
impl Serialize for Price {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.to_string())
            .map_err(S::Error::custom)?
            .serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn prices_of_today_have_one_canonical_text() {
        for (text, canonical) in [
            ("12.5", "12.5"),
            ("12.50", "12.5"),
            (" 007 ", "7"),
            ("1e3", "1000"),
            ("1.5E+2", "150"),
            ("1e-6", "0.000001"),
            ("1.50000000", "1.5"),
            ("999999999999999", "999999999999999"),
            ("0.123456", "0.123456"),
            ("123456789.012345", "123456789.012345"),
        ] {
            assert_eq!(
                Price::parse(text).map(|price| price.to_string()).as_deref(),
                Ok(canonical)
            );
        }
    }

    #[test]
    fn prices_out_of_bounds_say_which_bound() {
        use PriceError::{NotPlain, NotPositive, TooLarge, TooManyDecimals, TooManyDigits};
        for (text, error) in [
            ("0", NotPositive),
            ("0.0000000", NotPositive),
            ("0e999999999999", NotPositive),
            ("-1", NotPositive),
            ("+1", NotPlain),
            ("NaN", NotPlain),
            ("Infinity", NotPlain),
            ("0x10", NotPlain),
            ("1.", NotPlain),
            (".5", NotPlain),
            ("1,5", NotPlain),
            ("1e", NotPlain),
            ("1e+", NotPlain),
            ("1 000", NotPlain),
            ("١٢", NotPlain),
            ("", NotPlain),
            ("1e400", TooLarge),
            ("1e99999999999999999999", TooLarge),
            ("1000000000000000", TooLarge),
            ("1234567890123456", TooLarge),
            ("999999999999999.5", TooManyDigits(16)),
            ("0.1234567", TooManyDecimals(7)),
            ("1e-400", TooManyDecimals(400)),
            ("0.1e-2147483648", TooManyDecimals(i32::MAX)),
            ("1234567890.123456", TooManyDigits(16)),
        ] {
            assert_eq!(Price::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn prices_of_earlier_services_are_kept_exactly() {
        for (text, canonical) in [
            ("-5", "-5"),
            ("0", "0"),
            ("-0.0", "0"),
            ("1e300", "1e300"),
            ("1.7976931348623157e308", "1.7976931348623157e308"),
            ("5e-324", "5e-324"),
            ("12345678901234567890.5", "12345678901234567890.5"),
        ] {
            assert_eq!(
                Price::recorded(text).map(|p| p.to_string()).as_deref(),
                Ok(canonical)
            );
        }
        assert_eq!(Price::recorded("1e7000"), Err(PriceError::NotStorable));
        assert_eq!(
            Price::recorded(&"1".repeat(35)),
            Err(PriceError::NotStorable)
        );
        assert_eq!(Price::recorded("null"), Err(PriceError::NotStorable));
    }

    #[test]
    fn prices_of_any_size_are_ordered_and_a_sum_that_is_too_long_is_none() {
        let price = |text: &str| Price::recorded(text).unwrap();
        let ordered = [
            "-1e300", "-12", "-1.5", "-5e-324", "0", "5e-324", "0.9", "1", "1.5", "12", "99",
            "100", "1e300",
        ]
        .map(price);
        assert!(ordered.is_sorted());
        for (n, price) in ordered.into_iter().enumerate() {
            assert_eq!(price.checked_add(Price::ZERO), Some(price));
            for (m, other) in ordered.iter().enumerate() {
                assert_eq!(price.cmp(other), n.cmp(&m), "{price} and {other}");
            }
        }
        assert_eq!(price("1e300").checked_add(price("1")), None);
        assert_eq!(price("1e33").checked_add(price("0.1")), None);
        assert_eq!(
            price("1e300").checked_add(price("-1e300")),
            Some(Price::ZERO)
        );
        assert_eq!(
            price("999999999999999").checked_add(price("0.000001")),
            Some(price("999999999999999.000001"))
        );
    }

    proptest! {
        #[test]
        fn text_of_a_price_reads_back_as_the_same_price(
            digits in 0_u128..10_u128.pow(34), power in -6_000_i32..6_000, negative: bool
        ) {
            let text = format!("{}{digits}e{power}", if negative { "-" } else { "" });
            let price = Price::recorded(&text).unwrap();
            let canonical = price.to_string();
            prop_assert_eq!(Price::recorded(&canonical).unwrap(), price);
            prop_assert!(serde_json::from_str::<&RawValue>(&canonical).is_ok());
        }

        #[test]
        fn a_price_of_today_is_exact_through_a_double(
            digits in 1_u64..1_000_000_000_000_000, decimals in 0_i32..=6
        ) {
            let price = Price::parse(&format!("{digits}e-{decimals}")).unwrap();
            let double: f64 = price.to_string().parse().unwrap();
            prop_assert_eq!(Price::parse(&format!("{double}")).unwrap(), price);
        }

        #[test]
        fn prices_are_added_and_compared_as_numbers(
            a in -1_000_000_000_000_i128..1_000_000_000_000, b in -1_000_000_000_000_i128..1_000_000_000_000,
            places in 0_u32..=6, more in 0_u32..=6
        ) {
            // The second one is written with more zeros.
            let text = |digits: i128| format!("{digits}e-{places}");
            let price = |text: &str| Price::recorded(text).unwrap();
            let longer = format!("{}{}e-{}", b, "0".repeat(more as usize), places + more);
            let (left, right) = (price(&text(a)), price(&longer));
            prop_assert_eq!(left.checked_add(right), Some(price(&text(a + b))));
            prop_assert_eq!(left.cmp(&right), a.cmp(&b));
        }

        #[test]
        fn any_text_is_parsed_or_refused_without_a_panic(text in "\\PC*") {
            let _ = Price::parse(&text);
            let _ = Price::recorded(&text);
        }

        #[test]
        fn what_today_accepts_was_always_acceptable(text in "[0-9]{1,18}(\\.[0-9]{1,8})?(e-?[0-9])?") {
            if let Ok(price) = Price::parse(&text) {
                prop_assert_eq!(Price::recorded(&text), Ok(price));
            }
        }
    }
}
