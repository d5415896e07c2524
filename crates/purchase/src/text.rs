//! The texts of a purchase: who bought and what.
//!
//! Each has two ways in. `parse` is today's rule, for what a client sends now. `recorded` takes what an earlier service once
//! acknowledged: it is stored as it was, however long, because refusing it would lose a purchase.

use std::fmt;

use serde::{Serialize, Serializer};
use thiserror::Error;

/// Why a text is not acceptable. Reads on from the name of its field.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TextError {
    /// Nothing there but white space.
    #[error("is required and must not be blank")]
    Blank,
    /// Longer than the limit; lengths are in characters (Unicode scalar values), not bytes.
    #[error("must have at most {max} characters, but has {length}")]
    TooLong { max: usize, length: usize },
    /// A control character (Unicode category Cc), the first of them.
    #[error("must not contain control characters, but has U+{0:04X}")]
    Control(u32),
    /// `.` and `..`, which paths cannot carry.
    #[error("must not be `.` or `..`, which cannot be part of an address")]
    DotSegment,
}

fn checked(text: &str, max: usize) -> Result<&str, TextError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(TextError::Blank);
    }
    if let Some(control) = text.chars().find(|c| c.is_control()) {
        return Err(TextError::Control(u32::from(control)));
    }
    let length = text.chars().count();
    if length > max {
        return Err(TextError::TooLong { max, length });
    }
    Ok(text)
}

macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $max:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub struct $name(String);

        impl $name {
            /// The longest text accepted today, in characters.
            pub const MAX: usize = $max;

            /// A text that an earlier service acknowledged, unchanged, white space alone included; only the empty one is
            /// refused, as it was there.
            pub fn recorded(text: impl Into<String>) -> Result<Self, TextError> {
                let text = text.into();
                if text.is_empty() {
                    return Err(TextError::Blank);
                }
                Ok(Self(text))
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text! {
    /// Whose list a purchase is on. Compared byte for byte: no case folding, no Unicode normalisation.
    UserId, 256
}

text! {
    /// The name the buyer goes by. Not an identity.
    Username, 1_000
}

text! {
    /// What was bought.
    Item, 200
}

impl UserId {
    /// Today's rule: trimmed, 1–256 characters, none of them a control character, neither `.` nor `..`.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        match checked(text, Self::MAX)? {
            "." | ".." => Err(TextError::DotSegment),
            text => Ok(Self(text.to_owned())),
        }
    }
}

impl Username {
    /// Today's rule: trimmed, 1–1,000 characters, none of them a control character.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        checked(text, Self::MAX).map(|text| Self(text.to_owned()))
    }
}

impl Item {
    /// Today's rule: trimmed, 1–200 characters, none of them a control character.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        checked(text, Self::MAX).map(|text| Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn surrounding_white_space_is_trimmed_and_blank_is_missing() {
        assert_eq!(UserId::parse(" \u{3000}ada\t").unwrap().as_str(), "ada");
        assert_eq!(UserId::parse(" \u{a0} "), Err(TextError::Blank));
    }

    #[test]
    fn length_is_counted_in_characters() {
        assert!(UserId::parse(&"ż".repeat(256)).is_ok());
        assert_eq!(
            UserId::parse(&"🛒".repeat(257)),
            Err(TextError::TooLong {
                max: 256,
                length: 257
            })
        );
    }

    #[test]
    fn control_characters_and_dot_segments_are_refused() {
        assert_eq!(Username::parse("a\u{0}b"), Err(TextError::Control(0)));
        assert_eq!(Item::parse("a\u{85}b"), Err(TextError::Control(0x85)));
        assert_eq!(UserId::parse(" .. "), Err(TextError::DotSegment));
        assert!(UserId::parse("...").is_ok());
        assert!(Username::parse("..").is_ok());
    }

    #[test]
    fn what_was_acknowledged_before_is_kept_as_it_was() {
        let long = format!(" {}\n", "x".repeat(5_000));
        assert_eq!(UserId::recorded(long.clone()).unwrap().as_str(), long);
        // No reason to refuse there, so none to lose it here.
        assert_eq!(Username::recorded("  ").unwrap().as_str(), "  ");
        assert_eq!(UserId::recorded(""), Err(TextError::Blank));
    }
}
