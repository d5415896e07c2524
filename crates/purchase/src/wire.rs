//! How a purchase is written: in every answer, and as the data of its event.

use serde::Serialize;

use crate::id::PurchaseId;
use crate::price::Price;
use crate::purchase::Purchase;
use crate::text::Item;
use crate::timestamp::Timestamp;

/// A purchase in an answer. The order of the members is part of the contract's look, not of its meaning.
#[derive(Debug, Serialize)]
pub struct PurchaseJson<'a> {
    id: PurchaseId,
    #[serde(flatten)]
    data: EventData<'a>,
}

/// The data of a purchase event, and what a consumer of the plain record reads.
#[derive(Debug, Serialize)]
pub struct EventData<'a> {
    username: &'a str,
    userid: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    item: Option<&'a str>,
    price: Price,
    timestamp: Timestamp,
}

impl<'a> From<&'a Purchase> for EventData<'a> {
    fn from(purchase: &'a Purchase) -> Self {
        Self {
            username: purchase.username.as_str(),
            userid: purchase.userid.as_str(),
            item: purchase.item.as_ref().map(Item::as_str),
            price: purchase.price,
            timestamp: purchase.timestamp,
        }
    }
}

impl<'a> From<&'a Purchase> for PurchaseJson<'a> {
    fn from(purchase: &'a Purchase) -> Self {
        Self {
            id: purchase.id,
            data: purchase.into(),
        }
    }
}
