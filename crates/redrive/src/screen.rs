//! Text of strangers on a terminal, and numbers for people.

use std::fmt::Write as _;

/// The text, with everything escaped that a terminal would obey, or that would make it show something else than it is.
pub(crate) fn safe(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || is_formatting(c) {
            safe.extend(c.escape_default());
        } else {
            safe.push(c);
        }
    }
    safe
}

/// The same of bytes: those that are no text are shown as numbers.
pub(crate) fn safe_bytes(bytes: &[u8]) -> String {
    let mut all = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        all.push_str(&safe(chunk.valid()));
        for byte in chunk.invalid() {
            // Writing to a String does not fail.
            let _ = write!(all, "\\x{byte:02x}");
        }
    }
    all
}

/// Marks that turn the direction of text, and separators of lines.
fn is_formatting(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Safe, and no longer than so many characters.
pub(crate) fn cut(text: &str, max: usize) -> String {
    // Whatever is escaped gets longer, so the beginning is enough.
    let safe = safe(&text.chars().take(max + 1).collect::<String>());
    if safe.chars().count() <= max {
        return safe;
    }
    let kept: String = safe.chars().take(max - 1).collect();
    kept + "…"
}

/// 1234567 as `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `1 event`, `2 events`.
pub(crate) fn counted(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(number))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        assert_eq!(
            safe("a\u{1b}[31mb\r\n\u{9b}c"),
            "a\\u{1b}[31mb\\r\\n\\u{9b}c"
        );
        assert_eq!(safe("a\u{202e}b ä🛒"), "a\\u{202e}b ä🛒");
        assert_eq!(safe_bytes(b"{\xff\x00\xc3\xa4"), "{\\xff\\u{0}ä");
    }

    #[test]
    fn numbers_are_read_in_threes() {
        let numbers = [0, 999, 1_000, 1_234_567].map(grouped);
        assert_eq!(numbers, ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(
            (counted(1, "event"), counted(0, "event")),
            ("1 event".to_owned(), "0 events".to_owned())
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn nothing_that_is_cut_is_too_long_or_unsafe(text in any::<String>(), max in 1_usize..50) {
            let cut = cut(&text, max);
            prop_assert!(cut.chars().count() <= max);
            prop_assert!(!cut.contains(char::is_control));
        }

        #[test]
        fn any_bytes_are_shown_without_control_characters(bytes: Vec<u8>) {
            prop_assert!(!safe_bytes(&bytes).contains(char::is_control));
        }
    }
}
