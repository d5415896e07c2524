//! A purchase as a CloudEvent, and back.
//!
//! Whatever form an event arrives in (binary, structured, in a batch, or a raw record that the KafkaSource wrapped), it
//! becomes the same [`cloudevents::Event`] with its data as the bytes that were sent, so that all forms are judged by
//! one [`decode`]. Going through `serde_json::Value` instead would round prices.

pub mod http;
mod raw;
pub mod structured;

use std::fmt;

use chrono::{DateTime, Utc};
use cloudevents::event::EventBuilderError;
use cloudevents::{AttributesReader, AttributesWriter, Data, Event, EventBuilder, EventBuilderV10};
use thiserror::Error;

use crate::id::PurchaseId;
use crate::port::Entry;
use crate::purchase::{Purchase, PurchaseEvent};
use crate::request::{self, Refusal, Timestamps};
use crate::timestamp::Timestamp;
use crate::wire::EventData;

pub use raw::{RAW_TYPE, RawRecord};

/// `type` of the one event there is.
pub const TYPE: &str = "dev.userbuylist.purchase.recorded.v1";
/// `source` of the events that buy makes; their `id` is the purchase id.
pub const SOURCE: &str = "/user-buy-list/buy";
/// The only version of CloudEvents that is understood.
pub const SPEC_VERSION: &str = "1.0";
/// Extension and header that carry the W3C trace context.
pub const TRACEPARENT: &str = "traceparent";

/// Why an event became a dead letter. The texts are part of the contract: `Kne-Reason`, metrics, redrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    Malformed,
    UnknownType,
    Invalid,
    Conflict,
    RetriesExhausted,
    TooLarge,
}

impl Reason {
    /// Every reason there is, for closed sets of labels.
    pub const ALL: [Self; 6] = [
        Self::Malformed,
        Self::UnknownType,
        Self::Invalid,
        Self::Conflict,
        Self::RetriesExhausted,
        Self::TooLarge,
    ];

    /// The text of the contract.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::UnknownType => "unknown-type",
            Self::Invalid => "invalid",
            Self::Conflict => "conflict",
            Self::RetriesExhausted => "retries-exhausted",
            Self::TooLarge => "too-large",
        }
    }

    /// The reason with this text.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An event that will never be stored, whoever tries. `detail` names no user and quotes no data.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{reason}: {detail}")]
pub struct Rejection {
    pub reason: Reason,
    pub detail: String,
}

impl Rejection {
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self {
            reason,
            detail: detail.into(),
        }
    }

    /// Of an event whose purchase has an id that is taken.
    #[must_use]
    pub fn conflict() -> Self {
        let detail = "this id is taken by a purchase with other content, which stands";
        Self::new(Reason::Conflict, detail)
    }

    fn malformed(detail: impl Into<String>) -> Self {
        Self::new(Reason::Malformed, detail)
    }

    fn invalid(detail: impl Into<String>) -> Self {
        Self::new(Reason::Invalid, detail)
    }
}

impl PurchaseEvent {
    /// The event as it goes into the log: ASCII attributes without user text, and the JSON data as bytes.
    #[must_use]
    pub fn to_cloudevent(&self) -> Event {
        let mut builder = EventBuilderV10::new()
            .id(self.purchase.id.to_string())
            .source(SOURCE)
            .ty(TYPE)
            .time(self.purchase.timestamp.datetime());
        if let Some(traceparent) = &self.traceparent {
            builder = builder.extension(TRACEPARENT, traceparent.as_str());
        }
        // Neither can fail: the data is strings and numbers, and all attributes are set.
        let data = serde_json::to_vec(&EventData::from(&self.purchase)).unwrap_or_default();
        builder
            .data("application/json", data)
            .build()
            .unwrap_or_default()
    }
}

/// The purchase in an event, or why there is none.
pub fn decode(event: &Event) -> Result<Entry, Rejection> {
    match event.ty() {
        TYPE => decode_purchase_event(event).map(Entry::from),
        RAW_TYPE => RawRecord::from_event(event)?.decode(),
        other => Err(Rejection::new(
            Reason::UnknownType,
            format!("events of type {other} are not known here, only {TYPE}"),
        )),
    }
}

/// The id of the purchase that an event is about. It depends on the attributes alone, so an event has it, and keeps it, whether or
/// not anybody can read its data.
pub fn identity(event: &Event) -> Result<PurchaseId, Rejection> {
    if event.ty() == RAW_TYPE {
        return Ok(RawRecord::around(event)?.id());
    }
    if event.source() == SOURCE {
        return PurchaseId::parse_uuid(event.id())
            .map_err(|error| Rejection::invalid(format!("id {error}")));
    }
    Ok(PurchaseId::foreign_event(event.source(), event.id()))
}

fn decode_purchase_event(event: &Event) -> Result<Purchase, Rejection> {
    let new = request::from_json(data(event)?, Timestamps::Sender).map_err(rejected)?;
    let id = identity(event)?;
    let timestamp = match new.timestamp {
        Some(timestamp) => timestamp,
        None => event_time(event)
            .ok_or_else(|| Rejection::invalid("timestamp is required, in the data or as `time`"))?,
    };
    Ok(new.identified(id, timestamp))
}

fn rejected(refusal: Refusal) -> Rejection {
    match refusal {
        Refusal::Unreadable(error) => {
            Rejection::malformed(format!("the data is not a JSON purchase: {error}"))
        }
        Refusal::Invalid { fields, .. } => {
            let fields: Vec<_> = fields
                .iter()
                .map(|fault| format!("{} {}", fault.field, fault.message))
                .collect();
            Rejection::invalid(fields.join("; "))
        }
    }
}

/// The data of an event that must have some.
fn data(event: &Event) -> Result<&[u8], Rejection> {
    match bytes(event) {
        [] => Err(Rejection::malformed("the event has no data")),
        bytes => Ok(bytes),
    }
}

/// The data of an event as it was sent; none is the same as empty. An event that [`assemble`] made holds no parsed JSON.
fn bytes(event: &Event) -> &[u8] {
    match event.data() {
        Some(Data::Binary(bytes)) => bytes,
        Some(Data::String(text)) => text.as_bytes(),
        Some(Data::Json(_)) | None => &[],
    }
}

fn event_time(event: &Event) -> Option<Timestamp> {
    event
        .time()
        .and_then(|time| Timestamp::from_millis(time.timestamp_millis()).ok())
}

/// An event of its attributes, by whatever binding they came, and its data.
pub fn assemble(
    attributes: impl IntoIterator<Item = (String, String)>,
    data: Option<Vec<u8>>,
) -> Result<Event, Rejection> {
    let mut builder = EventBuilderV10::new();
    let mut specversion = None;
    let mut content_type = None;
    for (name, value) in attributes {
        builder = match name.as_str() {
            "specversion" => {
                specversion = Some(value);
                builder
            }
            "datacontenttype" => {
                content_type = Some(value);
                builder
            }
            // Never in a valid event, and the separator of derived ids must not be among what it separates.
            "id" | "source" | "type" if value.contains(char::is_control) => {
                return Err(Rejection::malformed(format!(
                    "attribute {name} contains a control character"
                )));
            }
            "id" | "source" | "type" if value.is_empty() => {
                return Err(Rejection::malformed(format!("attribute {name} is empty")));
            }
            "id" => builder.id(value),
            "source" => builder.source(value),
            "type" => builder.ty(value),
            "subject" => builder.subject(value),
            "time" => builder.time(parse_time(&value)?),
            _ if is_extension_name(&name) => builder.extension(&name, value),
            // Not a name that CloudEvents allows: nothing we need, and no reason to lose an event.
            _ => builder,
        };
    }
    check_version(specversion.as_deref())?;
    let mut event = builder.build().map_err(|error| match error {
        EventBuilderError::MissingRequiredAttribute { attribute_name } => {
            Rejection::malformed(format!("attribute {attribute_name} is missing"))
        }
        error => Rejection::malformed(error.to_string()),
    })?;
    if let Some(data) = data {
        event.set_data_unchecked(data);
    }
    event.set_datacontenttype(content_type);
    Ok(event)
}

fn check_version(specversion: Option<&str>) -> Result<(), Rejection> {
    match specversion {
        Some(SPEC_VERSION) => Ok(()),
        Some(other) => Err(Rejection::malformed(format!(
            "specversion must be {SPEC_VERSION}, but is {other}"
        ))),
        None => Err(Rejection::malformed("attribute specversion is missing")),
    }
}

fn parse_time(text: &str) -> Result<DateTime<Utc>, Rejection> {
    DateTime::parse_from_rfc3339(text)
        .map(|time| time.to_utc())
        .map_err(|_| {
            Rejection::malformed(
                "attribute time must be an RFC 3339 time such as 2026-01-31T12:00:00Z",
            )
        })
}

/// CloudEvents 1.0: lower-case letters and digits of ASCII.
fn is_extension_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}
