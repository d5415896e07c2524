//! An event as a record of Kafka, and back, without any broker.
//!
//! Written: the binary mode of the CloudEvents protocol binding. Read: whatever the KafkaSource's data plane makes of a record,
//! so that consumer and storer judge the same event under the same id. Its rules are those of CloudEvents' Java SDK, looser
//! than the specification here and stricter there.
//!
//! Where this differs: a header without a value counts as absent (there, one on a raw record loses every record of the
//! poll). An event of version 0.3, or whose id, source or type is empty or has control characters, is a raw record here, and
//! there goes on to storer, which refuses it. Of an event in structured mode, extensions whose names or values CloudEvents
//! does not allow are no concern here, and there make it a raw record. A time without seconds is one there.

use std::borrow::Cow;
use std::sync::Arc;

use cloudevents::event::{AttributeValue, SpecVersion};
use cloudevents::{AttributesReader, AttributesWriter, Data, Event, EventBuilder, EventBuilderV10};
use purchase::Timestamp;
use purchase::event::{RAW_TYPE, SPEC_VERSION, TRACEPARENT, assemble, structured};

use crate::uri;

const PREFIX: &str = "ce_";
const SPEC_VERSION_HEADER: &str = "ce_specversion";
const CONTENT_TYPE: &str = "content-type";

/// A record as a consumer gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub topic: Arc<str>,
    pub partition: i32,
    pub offset: i64,
    pub recorded_at: Timestamp,
    pub key: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    pub value: Option<Vec<u8>>,
}

/// Headers and value of the record that holds an event.
#[must_use]
pub fn write(event: &Event) -> (Vec<(String, Vec<u8>)>, Vec<u8>) {
    let headers = headers(event)
        .map(|(name, value)| (name.into_owned(), value.into_owned().into_bytes()))
        .collect();
    (headers, data(event).into_owned())
}

/// The event in a record. `source` is of whoever reads the record, for an event that is made of a raw one.
#[must_use]
pub fn read(record: &Record, source: &str) -> Event {
    read_event(record).unwrap_or_else(|| wrap(record, source))
}

/// Each header with its value; the trace context comes a second time, under the name that tracing of Kafka knows.
pub(crate) fn headers(event: &Event) -> impl Iterator<Item = (Cow<'static, str>, Cow<'_, str>)> {
    let trace = event.extension(TRACEPARENT).map(AttributeValue::from);
    event
        .iter()
        .map(|(attribute, value)| (header(attribute), text(value)))
        .chain(trace.map(|value| (Cow::Borrowed(TRACEPARENT), text(value))))
}

/// The data as it was sent; none is the same as empty.
pub(crate) fn data(event: &Event) -> Cow<'_, [u8]> {
    match event.data() {
        Some(Data::Binary(bytes)) => Cow::Borrowed(bytes),
        Some(Data::String(text)) => Cow::Borrowed(text.as_bytes()),
        Some(Data::Json(json)) => Cow::Owned(json.to_string().into_bytes()),
        None => Cow::Borrowed(&[]),
    }
}

fn header(attribute: &str) -> Cow<'static, str> {
    Cow::Borrowed(match attribute {
        "specversion" => SPEC_VERSION_HEADER,
        "id" => "ce_id",
        "type" => "ce_type",
        "source" => "ce_source",
        "subject" => "ce_subject",
        "time" => "ce_time",
        "datacontenttype" => CONTENT_TYPE,
        TRACEPARENT => "ce_traceparent",
        extension => return Cow::Owned(format!("{PREFIX}{extension}")),
    })
}

fn text(value: AttributeValue<'_>) -> Cow<'_, str> {
    match value {
        AttributeValue::String(text) => Cow::Borrowed(text),
        AttributeValue::URIRef(text) => Cow::Borrowed(text),
        AttributeValue::SpecVersion(SpecVersion::V10) => Cow::Borrowed(SPEC_VERSION),
        // A time that is whole in milliseconds looks as it does everywhere else.
        AttributeValue::Time(time) => match Timestamp::from_millis(time.timestamp_millis()) {
            Ok(timestamp) if timestamp.datetime() == *time => Cow::Owned(timestamp.to_string()),
            _ => Cow::Owned(AttributeValue::Time(time).to_string()),
        },
        value => Cow::Owned(value.to_string()),
    }
}

/// The event, if the record is one.
fn read_event(record: &Record) -> Option<Event> {
    let event = match last(record, CONTENT_TYPE) {
        Some(given) if given.split(';').next() == Some(structured::CONTENT_TYPE) => {
            structured::read(record.value.as_deref()?).ok()?
        }
        // A batch, or a format that nobody here reads.
        Some(given) if given.starts_with("application/cloudevents") => return None,
        _ if last(record, SPEC_VERSION_HEADER)? == SPEC_VERSION => read_binary(record)?,
        _ => return None,
    };
    let schema = event.extension("dataschema").map(ToString::to_string);
    let is_sound = uri::is_reference(event.source())
        && schema.is_none_or(|schema| uri::is_reference(&schema))
        && event.subject() != Some("");
    is_sound.then_some(event)
}

fn read_binary(record: &Record) -> Option<Event> {
    let mut attributes = Vec::with_capacity(record.headers.len());
    for (header, value) in &record.headers {
        let (Some(name), Some(value)) = (attribute(header), value) else {
            continue;
        };
        if !name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        {
            return None;
        }
        attributes.push((name, String::from_utf8_lossy(value).into_owned()));
    }
    let data = record.value.clone().filter(|data| !data.is_empty());
    assemble(attributes, data).ok()
}

/// The attribute in a header, if it has one.
fn attribute(header: &str) -> Option<String> {
    if header == CONTENT_TYPE {
        return Some("datacontenttype".to_owned());
    }
    let name = header
        .strip_prefix(PREFIX)
        .filter(|name| !name.is_empty())?;
    Some(name.to_lowercase())
}

/// The text of a header; of several with one name, the last.
fn last<'a>(record: &'a Record, name: &str) -> Option<Cow<'a, str>> {
    let header = record
        .headers
        .iter()
        .rfind(|(header, value)| header == name && value.is_some());
    header
        .and_then(|(_, value)| value.as_deref())
        .map(String::from_utf8_lossy)
}

/// An event about a record that is none.
fn wrap(record: &Record, source: &str) -> Event {
    let Record {
        topic,
        partition,
        offset,
        ..
    } = record;
    let mut builder = EventBuilderV10::new()
        .id(format!("partition:{partition}/offset:{offset}"))
        .source(format!("{source}#{topic}"))
        .ty(RAW_TYPE)
        .subject(format!("partition:{partition}#{offset}"))
        .time(record.recorded_at.datetime());
    if let Some(key) = record.key.as_deref().filter(|key| !key.is_empty()) {
        let key = String::from_utf8_lossy(key);
        builder = builder
            .extension("partitionkey", &*key)
            .extension("key", &*key);
    }
    let mut content_type = None;
    for (name, value) in &record.headers {
        let Some(value) = value else { continue };
        let value = String::from_utf8_lossy(value);
        if name.eq_ignore_ascii_case(CONTENT_TYPE) {
            content_type = Some(value.to_lowercase());
        } else {
            let mut name = name.to_lowercase();
            name.retain(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
            builder = builder.extension(&format!("kafkaheader{name}"), &*value);
        }
    }
    // All that an event needs is set above.
    let mut event = builder.build().unwrap_or_default();
    if let Some(value) = &record.value {
        event.set_data_unchecked(value.clone());
    }
    event.set_datacontenttype(content_type);
    event
}
