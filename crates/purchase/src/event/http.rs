//! The HTTP binding of CloudEvents, on plain header maps.
//!
//! The SDK's own binding neither encodes nor decodes the percent signs that the specification asks for outside printable
//! ASCII; here they are, so that an event has the same id in every form.

use std::borrow::Cow;

use bytes::Bytes;
use cloudevents::{AttributesReader as _, AttributesWriter as _, Event};
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request};
use percent_encoding::{AsciiSet, CONTROLS, percent_decode, utf8_percent_encode};
use thiserror::Error;

use super::{Rejection, TRACEPARENT, assemble, bytes, structured};

const PREFIX: &str = "ce-";

/// What the specification encodes in header values; beyond ASCII everything is encoded anyway.
const ENCODED: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'%');

/// What a request holds.
#[derive(Debug)]
pub enum Message {
    One(Box<Event>),
    Batch(Vec<Result<Event, Rejection>>),
}

/// Why a request holds no event.
#[derive(Debug, Error)]
pub enum ReadError {
    /// Neither `ce-` headers nor any kind of JSON: somebody talks to the wrong address.
    #[error(
        "this has neither ce- headers nor the content type application/cloudevents+json, but {0}"
    )]
    NotAnEvent(String),
    #[error(transparent)]
    Malformed(#[from] Rejection),
}

/// Reads the event, or the events, of a request.
pub fn read(headers: &HeaderMap, body: &[u8]) -> Result<Message, ReadError> {
    let content_type = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = structured::essence(content_type.unwrap_or_default());
    if essence == structured::BATCH_CONTENT_TYPE {
        return Ok(Message::Batch(structured::read_batch(body)?));
    }
    if essence == structured::CONTENT_TYPE {
        return Ok(Message::One(Box::new(structured::read(body)?)));
    }
    if headers.keys().any(|name| name.as_str().starts_with(PREFIX)) {
        return Ok(Message::One(Box::new(read_binary(headers, body)?)));
    }
    if essence == "application/json" || essence.ends_with("+json") {
        return Err(Rejection::malformed(
            "attribute specversion is missing: send the attributes as ce- headers, or all of it as application/cloudevents+json",
        )
        .into());
    }
    let shown = content_type.map_or_else(|| "missing".to_owned(), |value| format!("`{value}`"));
    Err(ReadError::NotAnEvent(shown))
}

fn read_binary(headers: &HeaderMap, body: &[u8]) -> Result<Event, Rejection> {
    let mut attributes = Vec::new();
    for (header, value) in headers {
        if header == CONTENT_TYPE {
            let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
            attributes.push(("datacontenttype".to_owned(), text));
        } else if let Some(name) = header.as_str().strip_prefix(PREFIX) {
            match percent_decode(value.as_bytes()).decode_utf8() {
                Ok(text) => attributes.push((name.to_owned(), text.into_owned())),
                Err(_) if is_needed(name) => {
                    return Err(Rejection::malformed(format!("header {header} is not text")));
                }
                // An extension that nobody here reads is no reason to lose an event.
                Err(_) => {}
            }
        }
    }
    assemble(attributes, Some(body.to_vec()))
}

/// The event as [`read`] gets it from a sender that writes attributes into headers as they are, as the KafkaSource does: a
/// percent sign in an id or a source is then read as the beginning of an encoded byte.
pub fn through_headers(event: &mut Event) {
    let decoded = |text: &str| {
        percent_decode(text.as_bytes())
            .decode_utf8()
            .map(Cow::into_owned)
    };
    if let Ok(id) = decoded(event.id()) {
        event.set_id(id);
    }
    if let Ok(source) = decoded(event.source()) {
        event.set_source(source);
    }
}

fn is_needed(attribute: &str) -> bool {
    matches!(attribute, "specversion" | "id" | "source" | "type" | "time")
}

/// The request that delivers an event in binary mode, as the KafkaSource does: `POST /`, attributes as headers, data as
/// body, the trace context also as the header that HTTP knows.
#[must_use]
pub fn binary_request(event: &Event) -> Request<Bytes> {
    let mut request = Request::new(Bytes::copy_from_slice(bytes(event)));
    *request.method_mut() = Method::POST;
    for (name, value) in event.iter() {
        let (header, value) = match name {
            "datacontenttype" => (CONTENT_TYPE.to_string(), value.to_string()),
            name => {
                let encoded = utf8_percent_encode(&value.to_string(), ENCODED).to_string();
                (format!("{PREFIX}{name}"), encoded)
            }
        };
        if let (Ok(header), Ok(value)) =
            (HeaderName::try_from(header), HeaderValue::try_from(value))
        {
            request.headers_mut().insert(header, value);
        }
    }
    if let Some(traceparent) = event.extension(TRACEPARENT)
        && let Ok(value) = HeaderValue::try_from(traceparent.to_string())
    {
        request
            .headers_mut()
            .insert(HeaderName::from_static(TRACEPARENT), value);
    }
    request
}
