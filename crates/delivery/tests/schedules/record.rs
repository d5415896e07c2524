//! What lies in the simulated log.

use std::fmt;
use std::sync::Arc;

use cloudevents::Event;
use delivery::Arrival;
use purchase::event;
use purchase::{Item, Price, Purchase, PurchaseEvent, PurchaseId, Timestamp, UserId, Username};
use testkit::sample::NOON_MS;

const ITEM: &str = "tea";
const OTHER_ITEM: &str = "cup";

/// What somebody put into the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// Of records with the same id and the same content, all but one are duplicates; those with other content are conflicts
    /// with whichever is stored first.
    Purchase { id: u8, content: u8 },
    /// No repetition changes that.
    Undecodable,
}

impl What {
    /// The purchase of a record, as what it was put into the log.
    pub(crate) fn of(purchase: &Purchase) -> Self {
        let id = purchase.id.to_string();
        Self::Purchase {
            id: u8::from_str_radix(&id[id.len() - 2..], 16).unwrap(),
            content: u8::from(
                purchase
                    .item
                    .as_ref()
                    .is_some_and(|item| item.as_str() == OTHER_ITEM),
            ),
        }
    }
}

/// Where a record is. `topic` counts how often the topic was made anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) topic: u32,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
}

/// A record of the simulated log.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) place: Place,
    pub(crate) what: What,
    pub(crate) recorded_at: Timestamp,
    pub(crate) event: Arc<Event>,
    /// What a reader is to find in it.
    pub(crate) purchase: Option<Purchase>,
}

/// A record in the hands of a process, with the number of the assignment that it came with.
#[derive(Debug, Clone)]
pub(crate) struct Taken {
    pub(crate) record: Record,
    pub(crate) assignment: u64,
}

impl Record {
    pub(crate) fn new(place: Place, what: What) -> Self {
        // No two records have the same time: it is no part of the content.
        let place_ms =
            i64::from(place.topic) * 10_000 + i64::from(place.partition) * 100 + place.offset;
        let recorded_at = Timestamp::from_millis(NOON_MS + place_ms).unwrap();
        let (id, content) = match what {
            What::Purchase { id, content } => (id, content),
            What::Undecodable => (0, 0),
        };
        let purchase = Purchase {
            id: PurchaseId::parse_uuid(&format!("019c13ec-9e00-7707-8707-0000000000{id:02x}"))
                .unwrap(),
            username: Username::parse("Ada").unwrap(),
            userid: UserId::parse("ada").unwrap(),
            item: Some(Item::parse(if content == 0 { ITEM } else { OTHER_ITEM }).unwrap()),
            price: Price::parse("12.5").unwrap(),
            timestamp: recorded_at,
        };
        let event = PurchaseEvent {
            purchase: purchase.clone(),
            traceparent: None,
        };
        let mut event = event.to_cloudevent();
        let purchase = match what {
            What::Purchase { .. } => Some(purchase),
            What::Undecodable => {
                event.set_data_unchecked(b"{".to_vec());
                None
            }
        };
        Self {
            place,
            what,
            recorded_at,
            event: Arc::new(event),
            purchase,
        }
    }
}

/// Reads a record as consumer does.
pub(crate) fn arrival(taken: Taken) -> Arrival<Taken> {
    Arrival {
        entry: event::decode(&taken.record.event),
        record: taken,
    }
}

impl fmt::Display for What {
    /// A letter for each purchase, with a prime for other content; a question mark for what cannot be read.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Purchase { id, content } => {
                let prime = if content == 0 { "" } else { "'" };
                write!(f, "{}{prime}", char::from(b'A' + id))
            }
            Self::Undecodable => f.write_str("?"),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            topic,
            partition,
            offset,
        } = self;
        match topic {
            0 => write!(f, "p{partition}@{offset}"),
            _ => write!(f, "p{partition}@{offset} of topic {topic}"),
        }
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.what, self.place)
    }
}

/// Several records in one line.
pub(crate) fn list<'a>(records: impl IntoIterator<Item = &'a Record>) -> String {
    let records: Vec<_> = records.into_iter().map(ToString::to_string).collect();
    records.join(", ")
}
