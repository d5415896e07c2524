//! An event as the request that the real client writes: binary mode of CloudEvents over HTTP, without the percent-encoding
//! that the specification asks for.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use cloudevents::event::AttributeValue;
use cloudevents::{Data, Event};
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use thiserror::Error;

/// The client refuses to write this event, each time it is asked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum Unsendable {
    #[error(
        "the value of attribute {attribute} has the control character {character:?}, which no header can hold"
    )]
    Value { attribute: String, character: char },
    #[error("the name of extension {0:?} cannot be that of a header")]
    Name(String),
}

/// The attributes as headers. A character beyond Latin-1 becomes `?`, and one beyond the first 65,536 two of them.
pub(crate) fn headers(event: &Event) -> Result<HeaderMap, Unsendable> {
    let mut headers = HeaderMap::new();
    for (attribute, value) in event.iter() {
        let name = match attribute {
            "datacontenttype" => CONTENT_TYPE,
            _ => HeaderName::try_from(format!("ce-{attribute}"))
                .map_err(|_| Unsendable::Name(attribute.to_owned()))?,
        };
        // An extension may have the name of an attribute; then both are sent.
        headers.append(name, header_value(attribute, &text(value))?);
    }
    Ok(headers)
}

/// The data as it was sent; none is the same as empty.
pub(crate) fn body(event: &Event) -> Bytes {
    match event.data() {
        Some(Data::Binary(bytes)) => Bytes::copy_from_slice(bytes),
        Some(Data::String(text)) => Bytes::copy_from_slice(text.as_bytes()),
        Some(Data::Json(json)) => json.to_string().into(),
        None => Bytes::new(),
    }
}

fn header_value(attribute: &str, text: &str) -> Result<HeaderValue, Unsendable> {
    let mut bytes = Vec::with_capacity(text.len());
    for character in text.chars() {
        let is_control = matches!(character, '\0'..='\x08' | '\n'..='\x1f' | '\x7f');
        if is_control {
            return Err(Unsendable::Value {
                attribute: attribute.to_owned(),
                character,
            });
        }
        match u8::try_from(u32::from(character)) {
            Ok(byte) => bytes.push(byte),
            Err(_) => bytes.extend(std::iter::repeat_n(b'?', character.len_utf16())),
        }
    }
    // Without control characters any bytes are a header value.
    HeaderValue::from_maybe_shared(bytes).map_err(|_| Unsendable::Name(attribute.to_owned()))
}

fn text(value: AttributeValue<'_>) -> String {
    match value {
        AttributeValue::Time(time) => time_text(time),
        value => value.to_string(),
    }
}

/// As few digits of the second as needed, and `Z`.
fn time_text(time: &DateTime<Utc>) -> String {
    let text = time.format("%Y-%m-%dT%H:%M:%S%.f").to_string();
    let text = match text.split_once('.') {
        Some(_) => text.trim_end_matches('0').trim_end_matches('.'),
        None => &text,
    };
    format!("{text}Z")
}

#[cfg(test)]
mod tests {
    use cloudevents::{EventBuilder as _, EventBuilderV10};

    use super::*;

    fn event() -> EventBuilderV10 {
        EventBuilderV10::new().id("1").source("/s").ty("t")
    }

    fn sent(builder: EventBuilderV10) -> Result<HeaderMap, Unsendable> {
        headers(&builder.build().unwrap())
    }

    #[test]
    fn characters_beyond_latin_1_are_mangled_and_percent_signs_stay() {
        let headers = sent(event().subject("é 100% 🛒 ї")).unwrap();
        assert_eq!(headers["ce-subject"].as_bytes(), b"\xe9 100% ?? ?");
    }

    #[test]
    fn control_characters_in_an_attribute_make_an_event_unsendable() {
        for character in ['\r', '\n', '\0', '\x1f', '\x7f'] {
            let expected = Unsendable::Value {
                attribute: "who".to_owned(),
                character,
            };
            assert_eq!(
                sent(event().extension("who", format!("a{character}b"))),
                Err(expected)
            );
        }
        assert!(sent(event().extension("who", "a\tb")).is_ok());
    }

    #[test]
    fn there_is_a_content_type_only_when_the_event_has_one() {
        assert!(!sent(event()).unwrap().contains_key(CONTENT_TYPE));
        let headers = sent(event().data("application/json", "{}")).unwrap();
        assert_eq!(headers[CONTENT_TYPE], "application/json");
        assert!(!headers.contains_key("ce-datacontenttype"));
    }

    #[test]
    fn a_time_has_as_few_digits_as_it_needs() {
        for (time, expected) in [
            ("2026-01-31T12:00:00.123Z", "2026-01-31T12:00:00.123Z"),
            ("2026-01-31T12:00:00.100Z", "2026-01-31T12:00:00.1Z"),
            ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z"),
            (
                "2026-01-31T13:00:10.00000001+01:00",
                "2026-01-31T12:00:10.00000001Z",
            ),
        ] {
            let time: DateTime<Utc> = time.parse().unwrap();
            assert_eq!(time_text(&time), expected);
        }
    }
}
