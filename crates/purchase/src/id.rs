//! Which purchase is which: the identity rules that make every repetition harmless.
//!
//! An id is derived from what makes two deliveries the same purchase, so whoever derives it, wherever and however often,
//! comes to the same id. The namespaces and the order of the parts are part of the stored data: they never change.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};
use thiserror::Error;
use uuid::{Builder, Uuid, uuid};

use crate::purchase::NewPurchase;
use crate::timestamp::Timestamp;

const KEYED: Uuid = uuid!("37be081b-3990-408e-a504-c85a793bb404");
const RAW_RECORD: Uuid = uuid!("a11e65b5-1a23-48cf-9efc-bce227d1f802");
const FOREIGN_EVENT: Uuid = uuid!("4272ac6a-5d77-4857-a84a-f3ced9d91e18");

/// The identity of a purchase. New ones are UUIDs; purchases that the earlier services stored keep their ObjectId. The two
/// never look alike, and sort as MongoDB sorts them: all ObjectIds after all UUIDs, each by its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PurchaseId {
    /// Shown in lower case.
    Uuid(Uuid),
    /// Twelve bytes, shown as 24 lower-case hexadecimal digits.
    ObjectId([u8; 12]),
}

/// A text that is no purchase id.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("must be a UUID such as 01936f2e-8a3c-7b41-9c55-1f0e6d2a7b10")]
pub struct IdError;

impl PurchaseId {
    /// The id of an event that buy made: a UUID and nothing else.
    pub fn parse_uuid(text: &str) -> Result<Self, IdError> {
        Uuid::try_parse(text).map(Self::Uuid).map_err(|_| IdError)
    }

    /// For a purchase without an idempotency key: a UUIDv7 of the time and ten random bytes.
    #[must_use]
    pub fn random(now: Timestamp, random: [u8; 10]) -> Self {
        let millis = u64::try_from(now.millis()).unwrap_or(0);
        Self::Uuid(Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }

    /// For a purchase with an idempotency key: the same user, key and content always give the same id, so a repeated
    /// request is the same purchase, and the same key with other content is another one.
    #[must_use]
    pub fn keyed(key: &IdempotencyKey, purchase: &NewPurchase) -> Self {
        let price = purchase.price.to_string();
        Self::Uuid(derive(
            KEYED,
            &[
                purchase.userid.as_str(),
                &key.0,
                purchase.userid.as_str(),
                purchase.username.as_str(),
                purchase.item.as_ref().map_or("", |item| item.as_str()),
                &price,
            ],
        ))
    }

    /// For a record that is no CloudEvent: its place in the log. The record's time is part of it because a topic that was
    /// deleted and made anew starts again at offset 0.
    #[must_use]
    pub fn raw_record(topic: &str, partition: i64, offset: i64, recorded_at: Timestamp) -> Self {
        let [partition, offset, millis] =
            [partition, offset, recorded_at.millis()].map(|number| number.to_string());
        Self::Uuid(derive(RAW_RECORD, &[topic, &partition, &offset, &millis]))
    }

    /// For an event of another producer: CloudEvents makes source and id unique together.
    #[must_use]
    pub fn foreign_event(source: &str, id: &str) -> Self {
        Self::Uuid(derive(FOREIGN_EVENT, &[source, id]))
    }
}

/// Parts are separated by NUL, which no part contains: texts of a purchase, keys and attributes of events are refused with
/// control characters in them, and Kafka allows none in the name of a topic.
fn derive(namespace: Uuid, parts: &[&str]) -> Uuid {
    Uuid::new_v5(&namespace, parts.join("\0").as_bytes())
}

impl fmt::Display for PurchaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uuid(uuid) => uuid.as_hyphenated().fmt(f),
            Self::ObjectId(bytes) => bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}")),
        }
    }
}

impl FromStr for PurchaseId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        // A UUID has at least 32 digits, so a text is never both.
        object_id(text).map_or_else(|| Self::parse_uuid(text), |id| Ok(Self::ObjectId(id)))
    }
}

fn object_id(text: &str) -> Option<[u8; 12]> {
    let digits = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if text.len() != 24 || !digits {
        return None;
    }
    let mut bytes = [0; 12];
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(bytes)
}

impl Serialize for PurchaseId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The value of an `Idempotency-Key` header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

/// Why a header value is no key. Reads on from the name of the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum KeyError {
    /// Empty, also between quotes.
    #[error("must not be empty: leave the header out or give a unique key")]
    Empty,
    /// Longer than 255 characters.
    #[error("must have at most 255 characters, but has {0}")]
    TooLong(usize),
    /// Something other than printable ASCII.
    #[error("must be printable ASCII, such as a UUID")]
    NotAscii,
    /// An opening quote that is not closed, or a stray quote or backslash within quotes.
    #[error("must be plain, or a quoted string in which every \" and \\ has a \\ before it")]
    Quoting,
}

impl IdempotencyKey {
    /// The longest key, in characters, quotes and escapes not counted.
    pub const MAX: usize = 255;
}

impl FromStr for IdempotencyKey {
    type Err = KeyError;

    /// Quoted (a structured-field string, as the IETF draft has it) or bare: `"k"` and `k` are the same key.
    fn from_str(value: &str) -> Result<Self, KeyError> {
        let value = value.trim();
        if !value.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            return Err(KeyError::NotAscii);
        }
        let key = match value.strip_prefix('"') {
            Some(rest) => unquote(rest)?,
            None => value.to_owned(),
        };
        match key.len() {
            0 => Err(KeyError::Empty),
            length if length > Self::MAX => Err(KeyError::TooLong(length)),
            _ => Ok(Self(key)),
        }
    }
}

fn unquote(rest: &str) -> Result<String, KeyError> {
    let mut key = String::with_capacity(rest.len());
    let mut chars = rest.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' if chars.as_str().is_empty() => return Ok(key),
            '"' => return Err(KeyError::Quoting),
            '\\' => match chars.next() {
                Some(escaped @ ('"' | '\\')) => key.push(escaped),
                _ => return Err(KeyError::Quoting),
            },
            plain => key.push(plain),
        }
    }
    Err(KeyError::Quoting)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Item, Price, UserId, Username};

    fn purchase(userid: &str, username: &str, item: Option<&str>, price: &str) -> NewPurchase {
        NewPurchase {
            userid: UserId::parse(userid).unwrap(),
            username: Username::parse(username).unwrap(),
            item: item.map(|item| Item::parse(item).unwrap()),
            price: Price::parse(price).unwrap(),
            timestamp: None,
        }
    }

    #[test]
    fn derived_ids_never_change() {
        let key: IdempotencyKey = "order-1".parse().unwrap();
        let keyed = PurchaseId::keyed(&key, &purchase("ada", "Ada", Some("tea"), "12.50"));
        let at = Timestamp::parse("2026-01-31T12:00:00.000Z").unwrap();
        let raw = PurchaseId::raw_record("purchases", 2, 41, at);
        let foreign = PurchaseId::foreign_event("/shop", "A-1");
        assert_eq!(keyed.to_string(), "e80eb68b-543a-5b1d-8045-bdd7d7672bb1");
        assert_eq!(raw.to_string(), "4fd7c1a2-e837-5059-b54f-4f2705ece3aa");
        assert_eq!(foreign.to_string(), "c648e6fa-862d-5ddc-bae9-b394bf0a60a9");
    }

    #[test]
    fn same_key_and_content_is_the_same_purchase_and_anything_else_is_not() {
        let key = |text: &str| text.parse::<IdempotencyKey>().unwrap();
        let base = PurchaseId::keyed(&key("k"), &purchase("u", "n", Some("i"), "1"));
        assert_eq!(
            base,
            PurchaseId::keyed(&key("\"k\""), &purchase(" u ", "n", Some("i"), "1.0"))
        );
        for other in [
            PurchaseId::keyed(&key("l"), &purchase("u", "n", Some("i"), "1")),
            PurchaseId::keyed(&key("k"), &purchase("v", "n", Some("i"), "1")),
            PurchaseId::keyed(&key("k"), &purchase("u", "m", Some("i"), "1")),
            PurchaseId::keyed(&key("k"), &purchase("u", "n", None, "1")),
            PurchaseId::keyed(&key("k"), &purchase("u", "n", Some("i"), "2")),
        ] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn a_topic_made_anew_gives_other_ids_at_the_same_offsets() {
        let at = |millis| Timestamp::from_millis(millis).unwrap();
        assert_ne!(
            PurchaseId::raw_record("purchases", 0, 0, at(1)),
            PurchaseId::raw_record("purchases", 0, 0, at(2))
        );
    }

    #[test]
    fn keys_are_quoted_or_bare() {
        let parse = |text: &str| text.parse::<IdempotencyKey>().map(|key| key.0);
        assert_eq!(parse(r#" "a\"b\\" "#).as_deref(), Ok(r#"a"b\"#));
        assert_eq!(parse("a b").as_deref(), Ok("a b"));
        assert_eq!(parse("\"\""), Err(KeyError::Empty));
        assert_eq!(parse(""), Err(KeyError::Empty));
        assert_eq!(parse(&"k".repeat(256)), Err(KeyError::TooLong(256)));
        assert_eq!(parse("kł"), Err(KeyError::NotAscii));
        assert_eq!(parse("\"open"), Err(KeyError::Quoting));
        assert_eq!(parse("\"a\"b"), Err(KeyError::Quoting));
    }

    #[test]
    fn id_text_is_lower_case_and_sorts_like_the_id() {
        let id: PurchaseId = "01936F2E-8A3C-7B41-9C55-1F0E6D2A7B10".parse().unwrap();
        assert_eq!(id.to_string(), "01936f2e-8a3c-7b41-9c55-1f0e6d2a7b10");
        assert_eq!("not-an-id".parse::<PurchaseId>(), Err(IdError));
        let at = |millis| Timestamp::from_millis(millis).unwrap();
        let (first, second) = (
            PurchaseId::random(at(1), [255; 10]),
            PurchaseId::random(at(2), [0; 10]),
        );
        assert!(first < second && first.to_string() < second.to_string());
    }

    #[test]
    fn object_ids_of_the_earlier_services_read_back_and_sort_after_uuids() {
        let id: PurchaseId = "65A1b2c3d4e5f60718293a4b".parse().unwrap();
        assert_eq!(id.to_string(), "65a1b2c3d4e5f60718293a4b");
        assert!(id > "ffffffff-ffff-ffff-ffff-ffffffffffff".parse().unwrap());
        assert!(id < "65a1b2c3d4e5f60718293a4c".parse().unwrap());
        for text in [
            "65a1b2c3d4e5f60718293a4",
            "65a1b2c3d4e5f60718293a4bb",
            "+5a1b2c3d4e5f60718293a4b",
        ] {
            assert_eq!(text.parse::<PurchaseId>(), Err(IdError), "{text}");
        }
        assert_eq!(
            PurchaseId::parse_uuid("65a1b2c3d4e5f60718293a4b"),
            Err(IdError)
        );
    }

    /// Few values each, so that equal ones meet often; with parts that run into each other where a separator is missing.
    fn stated() -> impl Strategy<Value = (String, NewPurchase)> {
        let text = || prop::sample::select(vec!["a", "b", "ab", "aa", "1", "11"]);
        let item = prop::option::of(text());
        let price = prop::sample::select(vec!["1", "1.0", "11", "1e1", "10"]);
        (text(), text(), text(), item, price).prop_map(|(key, userid, username, item, price)| {
            (key.to_owned(), purchase(userid, username, item, price))
        })
    }

    proptest! {
        #[test]
        fn keyed_ids_are_equal_exactly_when_user_key_and_content_are(
            (key, purchase) in stated(), (other_key, other) in stated(), millis in 0_i64..4_000_000_000_000
        ) {
            let id = |key: &str, purchase: &NewPurchase| {
                PurchaseId::keyed(&key.parse().unwrap(), purchase)
            };
            let same = key == other_key && purchase == other;
            prop_assert_eq!(id(&key, &purchase) == id(&other_key, &other), same);
            // The time of a purchase is no part of what makes it the same one.
            let later = Timestamp::from_millis(millis).ok();
            let repeated = NewPurchase { timestamp: later, ..purchase.clone() };
            prop_assert_eq!(id(&key, &repeated), id(&key, &purchase));
        }

        #[test]
        fn an_id_reads_back_from_its_text(millis in 0_i64..253_402_300_799_999, random: [u8; 10]) {
            let id = PurchaseId::random(Timestamp::from_millis(millis).unwrap(), random);
            prop_assert_eq!(id.to_string().parse(), Ok(id));
            prop_assert_eq!(id.to_string().to_uppercase().parse(), Ok(id));
        }

        #[test]
        fn places_in_the_log_and_foreign_events_never_share_an_id(
            [a, b, c, d] in prop::array::uniform4(0_i64..30), millis in 0_i64..3
        ) {
            let at = Timestamp::from_millis(millis).unwrap();
            let raw = |partition, offset| PurchaseId::raw_record("t", partition, offset, at);
            prop_assert_eq!(raw(a, b) == raw(c, d), (a, b) == (c, d));
            let foreign = |source: i64, id: i64| {
                PurchaseId::foreign_event(&source.to_string(), &id.to_string())
            };
            prop_assert_eq!(foreign(a, b) == foreign(c, d), (a, b) == (c, d));
            prop_assert_ne!(raw(a, b), foreign(a, b));
        }
    }
}
