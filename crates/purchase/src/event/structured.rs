//! The JSON format of CloudEvents: one event, or a batch of them.
//!
//! The data stays the bytes that were sent: it is cut out of the envelope as raw JSON, never parsed into numbers.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use cloudevents::{AttributesReader, Event};
use serde_json::value::RawValue;

use super::{Reason, Rejection, assemble, bytes};

type Envelope<'a> = BTreeMap<String, &'a RawValue>;

/// Content type of one event.
pub const CONTENT_TYPE: &str = "application/cloudevents+json";
/// Content type of a batch.
pub const BATCH_CONTENT_TYPE: &str = "application/cloudevents-batch+json";
/// More events than this are no batch but an attack: two megabytes of whole events are about eight thousand.
pub const BATCH_EVENTS_MAX: usize = 10_000;

/// Attributes that CloudEvents calls texts; extensions may also be numbers and booleans.
const TEXTS: [&str; 8] = [
    "specversion",
    "id",
    "source",
    "type",
    "subject",
    "time",
    "datacontenttype",
    "dataschema",
];

/// Reads one event.
pub fn read(json: &[u8]) -> Result<Event, Rejection> {
    let envelope: Envelope = serde_json::from_slice(json).map_err(|error| {
        Rejection::malformed(format!("the event is not a JSON object: {error}"))
    })?;
    read_envelope(envelope)
}

/// Reads a batch: each event on its own, so that a bad one does not take the others with it.
pub fn read_batch(json: &[u8]) -> Result<Vec<Result<Event, Rejection>>, Rejection> {
    let events: Vec<&RawValue> = serde_json::from_slice(json)
        .map_err(|error| Rejection::malformed(format!("the batch is not a JSON array: {error}")))?;
    if events.len() > BATCH_EVENTS_MAX {
        let detail = format!(
            "a batch must have at most {BATCH_EVENTS_MAX} events, but has {}",
            events.len()
        );
        return Err(Rejection::new(Reason::TooLarge, detail));
    }
    Ok(events
        .into_iter()
        .map(|event| read(event.get().as_bytes()))
        .collect())
}

fn read_envelope(mut envelope: Envelope<'_>) -> Result<Event, Rejection> {
    let data = envelope.remove("data").filter(|data| data.get() != "null");
    let base64 = envelope
        .remove("data_base64")
        .filter(|data| data.get() != "null");
    let attributes = envelope
        .into_iter()
        .filter(|(_, value)| value.get() != "null")
        .map(|(name, value)| {
            let text = attribute(&name, value)?;
            Ok((name, text))
        })
        .collect::<Result<Vec<_>, Rejection>>()?;
    let text = attributes
        .iter()
        .any(|(name, value)| name == "datacontenttype" && !is_json(value));
    let data = match (data, base64) {
        (Some(_), Some(_)) => {
            return Err(Rejection::malformed(
                "the event has both data and data_base64",
            ));
        }
        (None, Some(base64)) => Some(decode_base64(base64)?),
        // Data of another type than JSON is written as a JSON string.
        (Some(data), None) => match serde_json::from_str::<String>(data.get()) {
            Ok(string) if text => Some(string.into_bytes()),
            _ => Some(data.get().as_bytes().to_vec()),
        },
        (None, None) => None,
    };
    assemble(attributes, data)
}

fn attribute(name: &str, value: &RawValue) -> Result<String, Rejection> {
    match value.get().as_bytes().first() {
        Some(b'"') => serde_json::from_str(value.get())
            .map_err(|error| Rejection::malformed(format!("attribute {name}: {error}"))),
        _ if TEXTS.contains(&name) => Err(Rejection::malformed(format!(
            "attribute {name} must be a string"
        ))),
        Some(b'{' | b'[') => Err(Rejection::malformed(format!(
            "attribute {name} must be a string, number or boolean"
        ))),
        _ => Ok(value.get().to_owned()),
    }
}

fn decode_base64(value: &RawValue) -> Result<Vec<u8>, Rejection> {
    let malformed = |error: String| Rejection::malformed(format!("data_base64: {error}"));
    let text: String =
        serde_json::from_str(value.get()).map_err(|error| malformed(error.to_string()))?;
    BASE64
        .decode(text)
        .map_err(|error| malformed(error.to_string()))
}

/// A content type without its parameters, in lower case.
pub(super) fn essence(content_type: &str) -> String {
    let essence = content_type.split(';').next().unwrap_or_default();
    essence.trim().to_ascii_lowercase()
}

/// `application/json`, `text/json` and anything that ends in `+json`.
fn is_json(content_type: &str) -> bool {
    let essence = essence(content_type);
    matches!(essence.as_str(), "application/json" | "text/json") || essence.ends_with("+json")
}

/// Writes one event: JSON data as it is, anything else in base64.
#[must_use]
pub fn write(event: &Event) -> String {
    let mut envelope: BTreeMap<&str, Box<RawValue>> = BTreeMap::new();
    for (name, value) in event.iter() {
        envelope.extend(json_string(&value.to_string()).map(|value| (name, value)));
    }
    let bytes = bytes(event);
    let json = std::str::from_utf8(bytes)
        .ok()
        .filter(|_| event.datacontenttype().is_none_or(is_json))
        .and_then(|text| RawValue::from_string(text.to_owned()).ok());
    if let Some(json) = json {
        envelope.insert("data", json);
    } else if !bytes.is_empty() {
        envelope.extend(json_string(&BASE64.encode(bytes)).map(|data| ("data_base64", data)));
    }
    serde_json::to_string(&envelope).unwrap_or_default()
}

/// A text as JSON, which every text has.
fn json_string(text: &str) -> Option<Box<RawValue>> {
    serde_json::value::to_raw_value(text).ok()
}
