//! Purchases that the earlier services read from the log and stored under ObjectIds: the same record, read again, is one of
//! them. One query for all records of a batch.

use std::collections::{HashMap, HashSet};

use mongodb::Collection;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{DateTime, Document, RawBsonRef, RawDocument, RawDocumentBuf, doc};
use mongodb::options::Hint;
use purchase::{Price, Purchase};

use crate::error::{MongoError, hint_refused};
use crate::{document, indexes, reader};

/// Documents for one round trip: more than a batch has of them in any history but a strange one.
const BATCH: u32 = 10_000;

/// For each of these purchases, whether it is stored under an ObjectId.
pub(crate) async fn find(
    purchases: &Collection<RawDocumentBuf>,
    records: &[&Purchase],
) -> Result<Vec<bool>, MongoError> {
    let mut places: HashMap<(&str, i64), Vec<usize>> = HashMap::new();
    for (place, record) in records.iter().enumerate() {
        let key = (record.userid.as_str(), record.timestamp.millis());
        places.entry(key).or_default().push(place);
    }
    let same = |document: &RawDocument| {
        let userid = document.get_str("userid").unwrap_or_default();
        let timestamp = document.get_datetime("timestamp");
        let key = (
            userid,
            timestamp.map_or(i64::MAX, DateTime::timestamp_millis),
        );
        let places = places.get(&key).map_or(&[][..], Vec::as_slice);
        let same = places
            .iter()
            .filter(|place| is_same(document, records[**place]));
        Ok(same.copied().collect::<Vec<_>>())
    };
    let filter = filter(records);
    let find = |filter| purchases.find(filter).batch_size(BATCH);
    let by_index = find(filter.clone()).hint(Hint::Keys(indexes::of_user()));
    let found = match reader::fetch(by_index, same).await {
        Err(error) if hint_refused(&error) => reader::fetch(find(filter), same).await??,
        found => found??,
    };
    let mut earlier = vec![false; records.len()];
    for place in found.into_iter().flatten() {
        earlier[place] = true;
    }
    Ok(earlier)
}

/// Any of these users at any of these times, under an ObjectId; which belongs to which is looked at here.
fn filter(records: &[&Purchase]) -> Document {
    let userids: HashSet<_> = records
        .iter()
        .map(|record| record.userid.as_str())
        .collect();
    let times: HashSet<_> = records
        .iter()
        .map(|record| document::date(record.timestamp))
        .collect();
    let [first, last] = [0x00, 0xff].map(|byte| ObjectId::from_bytes([byte; 12]));
    doc! {
        "userid": { "$in": userids.into_iter().collect::<Vec<_>>() },
        "timestamp": { "$in": times.into_iter().collect::<Vec<_>>() },
        "_id": { "$gte": first, "$lte": last },
    }
}

/// Whether a document of the earlier services is this purchase, read from the log again. Those parsed the record's price into
/// a double, so digits beyond a double are lost in it.
fn is_same(document: &RawDocument, purchase: &Purchase) -> bool {
    let Ok(stored) = document::read(document) else {
        return false;
    };
    let binary = match document.get("price") {
        Ok(Some(RawBsonRef::Double(price))) => Some(price),
        Ok(Some(RawBsonRef::Int32(price))) => Some(f64::from(price)),
        _ => None,
    };
    let as_double = |price: &Price| price.to_string().parse::<f64>().ok();
    stored.timestamp == purchase.timestamp
        && (stored.same_content(purchase)
            || binary.is_some()
                && binary == as_double(&purchase.price)
                && stored.same_content(&Purchase {
                    price: stored.price,
                    ..purchase.clone()
                }))
}

#[cfg(test)]
mod tests {
    use mongodb::bson::Bson;

    use super::*;

    fn stored(other: Document) -> RawDocumentBuf {
        let mut document = doc! {
            "_id": ObjectId::from_bytes([7; 12]), "username": "Ada", "userid": "ada", "item": "tea", "price": 12.5,
            "timestamp": DateTime::from_millis(1), "__v": 0,
        };
        document.extend(other);
        RawDocumentBuf::try_from(document).unwrap()
    }

    fn purchase(other: Document) -> Purchase {
        document::read(&stored(other)).unwrap()
    }

    #[test]
    fn a_price_is_the_same_as_far_as_a_double_can_tell() {
        let same = |stored_price: Bson, price: &str| {
            is_same(
                &stored(doc! { "price": stored_price }),
                &purchase(doc! { "price": price }),
            )
        };
        let double = |text: &str| Bson::Double(text.parse().unwrap());
        assert!(same(double("0.1"), "0.10"));
        assert!(same(
            double("12345678901234567890.5"),
            "12345678901234567890.5"
        ));
        assert!(same(Bson::Int32(5), "5.00000000000000000001"));
        assert!(same("0.1".into(), "0.1"));
        assert!(!same(double("0.1"), "0.11"));
        assert!(!same("5".into(), "5.00000000000000000001"));
        assert!(!same(double("NaN"), "5"));
    }

    #[test]
    fn everything_else_is_compared_exactly() {
        assert!(is_same(&stored(doc! {}), &purchase(doc! {})));
        for other in [
            doc! { "username": "Bob" },
            doc! { "userid": "bob" },
            doc! { "item": Bson::Null },
            doc! { "timestamp": DateTime::from_millis(2) },
        ] {
            assert!(
                !is_same(&stored(doc! {}), &purchase(other.clone())),
                "{other}"
            );
        }
    }
}
