//! Records that are no CloudEvents: what the earlier services wrote, and what anybody puts into the topic by hand.
//!
//! Lenient where history was: once such a record was acknowledged, it is stored. The KafkaSource wraps a raw record into an
//! event of its own; whoever reads the log directly makes a [`RawRecord`]. Both come to the same purchase with the same id.

use cloudevents::{AttributesReader, Event};

use super::{Rejection, bytes, data, event_time};
use crate::fields::{Fields, Given};
use crate::id::PurchaseId;
use crate::port::{Entry, Origin};
use crate::price::Price;
use crate::purchase::Purchase;
use crate::text::{Item, TextError, UserId, Username};
use crate::timestamp::Timestamp;

/// `type` of the event that the KafkaSource makes of a raw record.
pub const RAW_TYPE: &str = "dev.knative.kafka.event";

/// A record and its place in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawRecord<'a> {
    pub topic: &'a str,
    pub partition: i64,
    pub offset: i64,
    pub recorded_at: Timestamp,
    pub value: &'a [u8],
}

impl<'a> RawRecord<'a> {
    /// Unwraps what the KafkaSource wrapped: source `…#TOPIC`, id `partition:P/offset:O`, time of the record, its bytes.
    pub(super) fn from_event(event: &'a Event) -> Result<Self, Rejection> {
        let record = Self::around(event)?;
        data(event)?;
        Ok(record)
    }

    /// The same, also without any bytes.
    pub(super) fn around(event: &'a Event) -> Result<Self, Rejection> {
        let topic = event
            .source()
            .split_once('#')
            .map_or("", |(_, topic)| topic);
        if topic.is_empty() {
            return Err(Rejection::malformed(
                "the source of a raw record must end with #TOPIC",
            ));
        }
        let (partition, offset) = place(event.id()).ok_or_else(|| {
            Rejection::malformed("the id of a raw record must be partition:NUMBER/offset:NUMBER")
        })?;
        let recorded_at = event_time(event)
            .ok_or_else(|| Rejection::malformed("a raw record must have a time"))?;
        Ok(Self {
            topic,
            partition,
            offset,
            recorded_at,
            value: bytes(event),
        })
    }

    /// What the place makes the purchase's id.
    pub(super) fn id(&self) -> PurchaseId {
        PurchaseId::raw_record(self.topic, self.partition, self.offset, self.recorded_at)
    }

    /// The purchase in the record, or why there is none.
    pub fn decode(&self) -> Result<Entry, Rejection> {
        let fields = Fields::from_json(self.value).map_err(|error| {
            Rejection::malformed(format!("the record is not a purchase: {error}"))
        })?;
        let timestamp = match fields.timestamp {
            Given::Text(text) => Timestamp::parse(&text).unwrap_or(self.recorded_at),
            _ => self.recorded_at,
        };
        let purchase = Purchase {
            id: self.id(),
            username: required("username", fields.username, Username::recorded)?,
            userid: required("userid", fields.userid, UserId::recorded)?,
            item: text(fields.item).and_then(|text| Item::recorded(text).ok()),
            price: price(fields.price)?,
            timestamp,
        };
        Ok(Entry {
            purchase,
            origin: Origin::RawRecord,
        })
    }
}

fn place(id: &str) -> Option<(i64, i64)> {
    let (partition, offset) = id.strip_prefix("partition:")?.split_once("/offset:")?;
    Some((partition.parse().ok()?, offset.parse().ok()?))
}

/// A text, or a number as its text: earlier clients sent numeric user ids.
fn text(given: Given<'_>) -> Option<String> {
    match given {
        Given::Text(text) => Some(text.into_owned()),
        Given::Number(number) => Some(number.to_owned()),
        Given::Missing | Given::Other(_) | Given::Broken => None,
    }
}

fn required<T>(
    field: &str,
    given: Given<'_>,
    recorded: fn(String) -> Result<T, TextError>,
) -> Result<T, Rejection> {
    text(given)
        .ok_or(TextError::Blank)
        .and_then(recorded)
        .map_err(|error| Rejection::invalid(format!("{field} {error}")))
}

fn price(given: Given<'_>) -> Result<Price, Rejection> {
    let text = text(given).ok_or_else(|| Rejection::invalid("price is required"))?;
    Price::recorded(&text).map_err(|error| Rejection::invalid(format!("price {error}")))
}
