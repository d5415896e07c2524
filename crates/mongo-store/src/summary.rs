//! A list in sums, by one aggregation: decimals are added as decimals, and all sums are of the same documents.
//!
//! Prices, items and times of earlier services are counted as [`crate::document`] reads them. Where the server cannot do that,
//! it says so, and the list is read and summed up here instead: sums from which something was left out would look complete.

use futures_util::TryStreamExt as _;
use mongodb::Collection;
use mongodb::bson::{Bson, Document, RawDocumentBuf, doc};
use purchase::{Day, DaySum, Item, ItemSum, Sum, Summary, Timestamp, UserId};

use crate::decimal;
use crate::error::MongoError;
use crate::reader::SERVER_TIME_MAX;

/// A price that is a text, as [`purchase::Price`] reads it.
const NUMBER: &str = r"^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$";

/// None if there are documents that the server does not read as we do.
pub(crate) async fn of(
    purchases: &Collection<RawDocumentBuf>,
    userid: &UserId,
) -> Result<Option<Summary>, MongoError> {
    let aggregation = purchases
        .aggregate(pipeline(userid))
        .max_time(SERVER_TIME_MAX);
    let found = aggregation.await?.try_next().await?;
    let found = found.ok_or_else(|| MongoError::Refused("no sums".to_owned()))?;
    let all = parts(&found, "all", Ok)?;
    let Some(all) = all.first() else {
        // Nothing was bought.
        return Ok(Some(Summary::new(Sum::NOTHING, Vec::new(), Vec::new())));
    };
    if whole(all, "unreadable")? > 0 {
        return Ok(None);
    }
    let by_item = parts(&found, "byItem", |part| {
        let item = part.get_str("_id").ok().map(str::to_owned);
        Ok(ItemSum {
            item: item.and_then(|item| Item::recorded(item).ok()),
            sum: sum(part)?,
        })
    })?;
    let by_day = parts(&found, "byDay", |part| {
        let day = part.get_str("_id").unwrap_or_default();
        let midnight = Timestamp::parse(&format!("{day}T00:00:00Z"));
        Ok(DaySum {
            day: midnight.map(Day::of).map_err(|_| unusable("a day"))?,
            sum: sum(part)?,
        })
    })?;
    Ok(Some(Summary::new(sum(all)?, by_item, by_day)))
}

fn pipeline(userid: &UserId) -> [Document; 3] {
    let most = i64::try_from(Summary::PARTS_MAX).unwrap_or(i64::MAX);
    let sums = |of: Bson| {
        // A sum that was rounded on the way may look exact in the end, because earlier services took prices below zero. That
        // of the amounts only grows.
        let amounts = doc! { "$sum": { "$abs": "$price" } };
        doc! { "_id": of, "count": { "$sum": 1 }, "total": { "$sum": "$price" }, "amounts": amounts }
    };
    let mut all = sums(Bson::Null);
    let is_unreadable = doc! { "$or": [
        { "$eq": ["$price", null] }, { "$eq": ["$day", null] }, { "$eq": ["$item", false] },
    ] };
    all.insert(
        "unreadable",
        doc! { "$sum": { "$cond": [is_unreadable, 1, 0] } },
    );
    [
        doc! { "$match": { "userid": userid.as_str() } },
        doc! { "$project": { "_id": 0, "item": item(), "price": price(), "day": day() } },
        doc! { "$facet": {
            "all": [{ "$group": all }],
            "byItem": [
                { "$group": sums("$item".into()) }, { "$sort": { "total": -1, "_id": 1 } }, { "$limit": most },
            ],
            "byDay": [{ "$group": sums("$day".into()) }, { "$sort": { "_id": -1 } }, { "$limit": most }],
        } },
    ]
}

/// The text, `null` if there is none, `false` if it cannot be told here: the server writes doubles in another way.
fn item() -> Document {
    doc! { "$switch": {
        "branches": [
            { "case": { "$in": ["$item", [null, ""]] }, "then": null },
            { "case": { "$in": [{ "$type": "$item" }, ["missing", "undefined"]] }, "then": null },
            {
                "case": { "$in": [{ "$type": "$item" }, ["string", "int", "long"]] },
                "then": { "$toString": "$item" },
            },
        ],
        "default": false,
    } }
}

/// The decimal, `null` if it is none. The server reads a double to 15 digits; of one that has more, this is not the price that
/// the list shows.
fn price() -> Document {
    let double = doc! { "$toDecimal": "$price" };
    let text = doc! { "$trim": { "input": "$price" } };
    doc! { "$switch": {
        "branches": [
            { "case": { "$eq": [{ "$type": "$price" }, "decimal"] }, "then": "$price" },
            { "case": { "$in": [{ "$type": "$price" }, ["int", "long"]] }, "then": { "$toDecimal": "$price" } },
            {
                "case": { "$and": [
                    { "$eq": [{ "$type": "$price" }, "double"] },
                    { "$eq": [{ "$convert": { "input": double.clone(), "to": "double", "onError": null } }, "$price"] },
                ] },
                "then": double,
            },
            {
                "case": { "$and": [
                    { "$eq": [{ "$type": "$price" }, "string"] },
                    { "$regexMatch": { "input": text.clone(), "regex": NUMBER } },
                ] },
                "then": { "$convert": { "input": text, "to": "decimal", "onError": null } },
            },
        ],
        "default": null,
    } }
}

/// The day in UTC, `null` if there is no time.
fn day() -> Document {
    doc! { "$cond": [
        { "$eq": [{ "$type": "$timestamp" }, "date"] },
        { "$dateToString": { "date": "$timestamp", "format": "%Y-%m-%d" } },
        null,
    ] }
}

fn parts<'a, T>(
    found: &'a Document,
    name: &str,
    read: impl Fn(&'a Document) -> Result<T, MongoError>,
) -> Result<Vec<T>, MongoError> {
    let parts = found.get_array(name).map_err(|_| unusable(name))?;
    let parts = parts.iter().map(|part| part.as_document().map(&read));
    parts
        .map(|part| part.ok_or_else(|| unusable(name))?)
        .collect()
}

fn sum(part: &Document) -> Result<Sum, MongoError> {
    let total = match (part.get("total"), part.get("amounts")) {
        (Some(Bson::Decimal128(total)), Some(Bson::Decimal128(amounts)))
            if decimal::is_exact(*amounts) =>
        {
            decimal::to_price(*total)
        }
        _ => None,
    };
    Ok(Sum {
        count: whole(part, "count")?,
        total: total.ok_or_else(|| unusable("a total"))?,
    })
}

fn whole(part: &Document, name: &str) -> Result<u64, MongoError> {
    let number = match part.get(name) {
        Some(Bson::Int32(number)) => u64::try_from(*number).ok(),
        Some(Bson::Int64(number)) => u64::try_from(*number).ok(),
        _ => None,
    };
    number.ok_or_else(|| unusable(name))
}

fn unusable(what: &str) -> MongoError {
    MongoError::Refused(format!("the sums have {what} that is no such thing"))
}
