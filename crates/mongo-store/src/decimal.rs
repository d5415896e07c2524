//! A price as a Decimal128 and back, without loss.
//!
//! Both hold up to 34 digits and the same exponents, so every price has its Decimal128. The bits are those of IEEE 754-2008 in
//! the binary encoding of the digits, little-endian: sign, 14 bits of biased exponent, 113 bits of digits. bson's own
//! conversion through text does the same, bit by bit.

use mongodb::bson::Decimal128;
use purchase::Price;

const SIGN: u128 = 1 << 127;
const DIGITS_BITS: u32 = 113;
const DIGITS_MASK: u128 = (1 << DIGITS_BITS) - 1;
const EXPONENT_MASK: u128 = (1 << 14) - 1;
const BIAS: i32 = 6_176;
/// The largest number of 34 digits; what is above it is read as zero, as the standard says.
const DIGITS_MAX: u128 = 10_u128.pow(34) - 1;

/// The Decimal128 of a price; `None` is impossible for one that [`Price`] accepted.
pub(crate) fn from_price(price: &Price) -> Option<Decimal128> {
    let text = price.to_string();
    let (mantissa, power) = text.split_once('e').unwrap_or((&text, "0"));
    let (negative, mantissa) = mantissa
        .strip_prefix('-')
        .map_or((false, mantissa), |mantissa| (true, mantissa));
    let (integer, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    // Zeros at the end would not fit beside 34 digits; as an exponent they do.
    let digits = format!("{integer}{fraction}");
    let significant = digits.trim_end_matches('0');
    let zeros = i32::try_from(digits.len() - significant.len()).ok()?;
    let power: i32 = power.parse().ok()?;
    let exponent = power - i32::try_from(fraction.len()).ok()? + zeros;
    if significant.is_empty() {
        return Some(pack(false, 0, 0));
    }
    Some(pack(negative, significant.parse().ok()?, exponent))
}

fn pack(negative: bool, digits: u128, exponent: i32) -> Decimal128 {
    // A price's exponent is at least -6176, so this is never negative.
    let biased = u128::try_from(exponent + BIAS).unwrap_or(0);
    let sign = if negative { SIGN } else { 0 };
    Decimal128::from_bytes((sign | biased << DIGITS_BITS | digits).to_le_bytes())
}

/// The price in a Decimal128; `None` for what is no number.
pub(crate) fn to_price(decimal: Decimal128) -> Option<Price> {
    let bits = u128::from_le_bytes(decimal.bytes());
    let negative = bits & SIGN != 0;
    // 11 in the upper two bits after the sign: infinity, not a number, or digits above the largest.
    let (digits, biased) = if bits >> 125 & 0b11 == 0b11 {
        if bits >> 123 & 0b1111 == 0b1111 {
            return None;
        }
        (0, 0)
    } else {
        (bits & DIGITS_MASK, bits >> DIGITS_BITS & EXPONENT_MASK)
    };
    if digits == 0 || digits > DIGITS_MAX {
        return Price::recorded("0").ok();
    }
    let sign = if negative { "-" } else { "" };
    let exponent = i32::try_from(biased).ok()? - BIAS;
    Price::recorded(&format!("{sign}{digits}e{exponent}")).ok()
}

/// Whether a sum of what is not below zero was certainly not rounded: one that was has all 34 digits.
pub(crate) fn is_exact(sum: Decimal128) -> bool {
    let bits = u128::from_le_bytes(sum.bytes());
    bits & DIGITS_MASK <= DIGITS_MAX / 10
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn price(text: &str) -> Price {
        Price::recorded(text).unwrap()
    }

    #[test]
    fn every_price_comes_back_as_it_was() {
        for text in [
            "12.5",
            "0",
            "-0.000001",
            "999999999999999",
            "1e300",
            "5e-324",
            "1234567890123456789012345678901234",
            "-9999999999999999999999999999999999e6111",
            "1e-6176",
            "1e6111",
            "0.0000000000000000000000000000000001",
            "12345678901234567890123456789012340000000000000000000000000000000000",
        ] {
            let decimal = from_price(&price(text)).unwrap();
            assert_eq!(to_price(decimal), Some(price(text)), "{text}");
        }
    }

    #[test]
    fn what_is_no_number_is_no_price() {
        for text in ["NaN", "Infinity", "-Infinity"] {
            assert_eq!(to_price(text.parse().unwrap()), None, "{text}");
        }
    }

    #[test]
    fn digits_beyond_the_largest_are_zero_as_the_standard_says() {
        let too_large = Decimal128::from_bytes(((DIGITS_MAX + 1) | 6_176 << 113).to_le_bytes());
        let other_form = Decimal128::from_bytes((0b11_u128 << 125).to_le_bytes());
        for decimal in [too_large, other_form] {
            assert_eq!(decimal.to_string().parse::<f64>(), Ok(0.0), "{decimal}");
            assert_eq!(to_price(decimal), Some(price("0")));
        }
    }

    proptest! {
        #[test]
        fn a_price_becomes_the_number_that_its_text_says(
            digits in 0_u128..10_u128.pow(34), power in -6_176_i32..=6_111, negative: bool
        ) {
            let text = format!("{}{digits}e{power}", if negative { "-" } else { "" });
            let Ok(price) = Price::recorded(&text) else { return Ok(()) };
            let ours = from_price(&price).unwrap();
            prop_assert_eq!(to_price(ours), Some(price));
            // bson's reading of ours, and ours of bson's: two forms of one number are equal as prices.
            prop_assert_eq!(Price::recorded(&ours.to_string()), Ok(price));
            let theirs: Decimal128 = text.parse().unwrap();
            prop_assert_eq!(to_price(theirs), Some(price));
        }

        #[test]
        fn any_bits_are_read_as_bson_reads_them(bytes: [u8; 16]) {
            let decimal = Decimal128::from_bytes(bytes);
            prop_assert_eq!(to_price(decimal), Price::recorded(&decimal.to_string()).ok());
        }
    }
}
