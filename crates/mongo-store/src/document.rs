//! A purchase as a document of the collection, and back.
//!
//! What we write has one form. What is read may also be from the earlier Node services: an ObjectId, a price that is a double
//! or an integer, fields of other types, and more fields than ours. A document that cannot be read at all is an error
//! that names it: a list from which it was left out would look complete.

use mongodb::bson::oid::ObjectId;
use mongodb::bson::raw::cstr;
use mongodb::bson::{Bson, DateTime, RawBsonRef, RawDocument, RawDocumentBuf};
use purchase::{Item, Price, Purchase, PurchaseId, Timestamp, UserId, Username};

use crate::decimal;
use crate::error::MongoError;
use crate::fields::{Fields, text};

/// The server's limit for one document.
const BYTES_MAX: usize = 16 * 1024 * 1024;

/// The document of a purchase.
pub(crate) fn write(purchase: &Purchase) -> Result<RawDocumentBuf, MongoError> {
    let price = decimal::from_price(&purchase.price)
        .ok_or_else(|| MongoError::Refused(format!("no Decimal128 is {}", purchase.price)))?;
    let mut document = RawDocumentBuf::new();
    match purchase.id {
        PurchaseId::Uuid(uuid) => document.append(cstr!("_id"), uuid.as_hyphenated().to_string()),
        PurchaseId::ObjectId(bytes) => document.append(cstr!("_id"), ObjectId::from_bytes(bytes)),
    }
    document.append(cstr!("username"), purchase.username.as_str());
    document.append(cstr!("userid"), purchase.userid.as_str());
    if let Some(item) = &purchase.item {
        document.append(cstr!("item"), item.as_str());
    }
    document.append(cstr!("price"), price);
    document.append(cstr!("timestamp"), date(purchase.timestamp));
    match document.as_bytes().len() {
        bytes if bytes > BYTES_MAX => Err(MongoError::TooLarge(bytes)),
        _ => Ok(document),
    }
}

/// An id as `_id` holds it.
pub(crate) fn id(id: PurchaseId) -> Bson {
    match id {
        PurchaseId::Uuid(uuid) => Bson::String(uuid.as_hyphenated().to_string()),
        PurchaseId::ObjectId(bytes) => Bson::ObjectId(ObjectId::from_bytes(bytes)),
    }
}

pub(crate) fn date(timestamp: Timestamp) -> DateTime {
    DateTime::from_millis(timestamp.millis())
}

/// The purchase in a document.
pub(crate) fn read(document: &RawDocument) -> Result<Purchase, MongoError> {
    let fields = Fields::of(document)?;
    let unreadable = |field, value| fields.unreadable(field, value);
    Ok(Purchase {
        id: fields.id()?,
        userid: fields.userid()?,
        username: text(fields.username)
            .and_then(|text| Username::recorded(text).ok())
            .ok_or_else(|| unreadable("username", fields.username))?,
        item: match fields.item {
            None | Some(RawBsonRef::Null | RawBsonRef::Undefined) => None,
            Some(_) => {
                let item = text(fields.item).ok_or_else(|| unreadable("item", fields.item))?;
                Item::recorded(item).ok()
            }
        },
        price: price(fields.price).ok_or_else(|| unreadable("price", fields.price))?,
        // Nothing but a date has a place in the order of a list.
        timestamp: fields
            .timestamp
            .and_then(RawBsonRef::as_datetime)
            .and_then(|date| Timestamp::from_millis(date.timestamp_millis()).ok())
            .ok_or_else(|| unreadable("timestamp", fields.timestamp))?,
    })
}

/// The id, also of a document of which nothing else can be read.
pub(crate) fn read_id(document: &RawDocument) -> Result<PurchaseId, MongoError> {
    Fields::of(document)?.id()
}

/// The id and the owner, of a document that may hold no more than them.
pub(crate) fn read_owner(document: &RawDocument) -> Result<(PurchaseId, UserId), MongoError> {
    let fields = Fields::of(document)?;
    Ok((fields.id()?, fields.userid()?))
}

fn price(value: Option<RawBsonRef<'_>>) -> Option<Price> {
    match value? {
        RawBsonRef::Decimal128(decimal) => decimal::to_price(decimal),
        // The shortest text that reads back as the same double: what the client once wrote, up to 15 digits.
        RawBsonRef::Double(double) => Price::recorded(&format!("{double:e}")).ok(),
        RawBsonRef::Int32(number) => Price::recorded(&number.to_string()).ok(),
        RawBsonRef::Int64(number) => Price::recorded(&number.to_string()).ok(),
        RawBsonRef::String(text) => Price::recorded(text).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use mongodb::bson::{Decimal128, Document, Timestamp as BsonTimestamp, doc};

    use super::*;

    const UUID: &str = "01936f2e-8a3c-7b41-9c55-1f0e6d2a7b10";

    fn document() -> Document {
        doc! {
            "_id": ObjectId::from_bytes([7; 12]), "username": "Ada", "userid": "ada", "item": "tea", "price": 12.5,
            "timestamp": DateTime::from_millis(1), "__v": 0, "more": { "than": ["ours"] },
        }
    }

    fn read_with(field: &str, value: impl Into<Bson>) -> Result<Purchase, MongoError> {
        let mut document = document();
        document.insert(field, value.into());
        read(&RawDocumentBuf::try_from(document).unwrap())
    }

    fn read_without(field: &str) -> Result<Purchase, MongoError> {
        let mut document = document();
        document.remove(field);
        read(&RawDocumentBuf::try_from(document).unwrap())
    }

    #[test]
    fn what_is_written_is_read_again() {
        for (id, item) in [(UUID, Some("tea")), ("0123456789abcdef01234567", None)] {
            let purchase = Purchase {
                id: id.parse().unwrap(),
                username: Username::recorded(" A\0da ").unwrap(),
                userid: UserId::recorded("$ne").unwrap(),
                item: item.map(|item| Item::recorded(item).unwrap()),
                price: Price::recorded("-1e300").unwrap(),
                timestamp: Timestamp::from_millis(-1).unwrap(),
            };
            assert_eq!(read(&write(&purchase).unwrap()), Ok(purchase));
        }
    }

    #[test]
    fn a_document_has_these_fields_and_types() {
        let purchase = read_with("_id", UUID).unwrap();
        let written = Document::try_from(write(&purchase).unwrap()).unwrap();
        let price: Decimal128 = "12.5".parse().unwrap();
        let date = DateTime::from_millis(1);
        let form = doc! { "_id": UUID, "username": "Ada", "userid": "ada", "item": "tea", "price": price, "timestamp": date };
        assert_eq!(written, form);
    }

    #[test]
    fn prices_of_every_type_are_read() {
        let decimal: Decimal128 = "1250E-2".parse().unwrap();
        for (stored, price) in [
            (Bson::Double(12.5), "12.5"),
            (Bson::Double(0.1), "0.1"),
            (Bson::Double(-0.0), "0"),
            (Bson::Double(1e300), "1e300"),
            (Bson::Double(5e-324), "5e-324"),
            (Bson::Double(9_007_199_254_740_993.0), "9007199254740992"),
            (Bson::Int32(-5), "-5"),
            (Bson::Int64(i64::MAX), "9223372036854775807"),
            (Bson::Decimal128(decimal), "12.5"),
            (Bson::String(" 12.50 ".to_owned()), "12.5"),
        ] {
            let read = read_with("price", stored.clone()).unwrap().price;
            assert_eq!(read.to_string(), price, "{stored}");
        }
    }

    #[test]
    fn fields_of_earlier_services_are_read_leniently() {
        let read = |field, value: Bson| read_with(field, value).unwrap();
        assert_eq!(read("userid", 42.into()).userid.as_str(), "42");
        assert_eq!(read("userid", 42.0.into()).userid.as_str(), "42");
        assert_eq!(read("username", 42_i64.into()).username.as_str(), "42");
        assert_eq!(read("item", Bson::Null).item, None);
        assert_eq!(read("item", "".into()).item, None);
        assert_eq!(read_without("item").unwrap().item, None);
        assert_eq!(read_without("__v").unwrap().timestamp.millis(), 1);
    }

    #[test]
    fn what_cannot_be_read_is_named_without_what_somebody_wrote() {
        for (field, value) in [
            ("_id", Bson::Int32(1)),
            ("_id", "not-a-uuid".into()),
            ("_id", UUID.to_uppercase().into()),
            ("username", "".into()),
            ("userid", doc! { "$ne": "s3cret" }.into()),
            ("userid", Bson::Double(f64::NAN)),
            ("item", vec!["s3cret"].into()),
            ("price", "s3cret".into()),
            ("price", Bson::Double(f64::NAN)),
            ("price", Bson::Double(f64::INFINITY)),
            ("price", Bson::Boolean(true)),
            ("timestamp", "2026-01-31T12:00:00.000Z s3cret".into()),
            ("timestamp", DateTime::from_millis(i64::MAX).into()),
            (
                "timestamp",
                BsonTimestamp {
                    time: 1,
                    increment: 1,
                }
                .into(),
            ),
        ] {
            let text = read_with(field, value.clone()).unwrap_err().to_string();
            assert!(
                text.contains(&format!("its {field} is ")),
                "{value}: {text}"
            );
            assert!(
                field == "_id" || text.contains("070707070707070707070707"),
                "{text}"
            );
            assert!(!text.contains("s3cret"), "{text}");
        }
        for field in ["_id", "username", "userid", "price", "timestamp"] {
            let text = read_without(field).unwrap_err().to_string();
            assert!(text.contains(&format!("its {field} is missing")), "{text}");
        }
    }

    #[test]
    fn a_document_that_the_server_would_refuse_is_not_sent() {
        let mut purchase = read_with("_id", UUID).unwrap();
        purchase.item = Some(Item::recorded("x".repeat(BYTES_MAX)).unwrap());
        assert!(matches!(write(&purchase), Err(MongoError::TooLarge(_))));
    }
}
