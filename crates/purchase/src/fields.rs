//! The fields of a purchase as they were sent: JSON or form, each value still in its raw text, so that a price is never
//! read through a float and every bad field can be reported at once.

use std::borrow::Cow;

use percent_encoding::percent_decode;
use serde::Deserialize;
use serde_json::value::RawValue;

/// One field as it arrived.
#[derive(Debug, Clone, Default)]
pub(crate) enum Given<'a> {
    /// Absent, or JSON `null`.
    #[default]
    Missing,
    Text(Cow<'a, str>),
    /// A JSON number, untouched.
    Number(&'a str),
    /// A JSON value of another kind, named with its article.
    Other(&'static str),
    /// A JSON string with an escape that is no Unicode text: half of a surrogate pair.
    Broken,
}

/// All fields that a purchase can have.
#[derive(Debug, Default)]
pub(crate) struct Fields<'a> {
    pub(crate) username: Given<'a>,
    pub(crate) userid: Given<'a>,
    pub(crate) item: Given<'a>,
    pub(crate) price: Given<'a>,
    pub(crate) timestamp: Given<'a>,
}

#[derive(Deserialize)]
struct JsonFields<'a> {
    #[serde(borrow, default)]
    username: Option<&'a RawValue>,
    #[serde(borrow, default)]
    userid: Option<&'a RawValue>,
    #[serde(borrow, default)]
    item: Option<&'a RawValue>,
    #[serde(borrow, default)]
    price: Option<&'a RawValue>,
    #[serde(borrow, default)]
    timestamp: Option<&'a RawValue>,
}

impl<'a> Fields<'a> {
    /// From a JSON object; unknown members are ignored. The error says what is wrong and where.
    pub(crate) fn from_json(body: &'a [u8]) -> Result<Self, String> {
        if body.trim_ascii().is_empty() {
            return Err("it is empty".to_owned());
        }
        let json: &RawValue = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        // serde would also take an array for a struct, its elements for the fields in order.
        if !json.get().starts_with('{') {
            return Err(format!(
                "expected an object, but found {}",
                kind(json.get())
            ));
        }
        let json: JsonFields = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        Ok(Self {
            username: Given::from_json(json.username),
            userid: Given::from_json(json.userid),
            item: Given::from_json(json.item),
            price: Given::from_json(json.price),
            timestamp: Given::from_json(json.timestamp),
        })
    }

    /// From `application/x-www-form-urlencoded`; unknown fields are ignored.
    pub(crate) fn from_form(body: &'a [u8]) -> Result<Self, String> {
        let mut fields = Self::default();
        for pair in body
            .split(|byte| *byte == b'&')
            .filter(|pair| !pair.is_empty())
        {
            let split = pair
                .iter()
                .position(|byte| *byte == b'=')
                .unwrap_or(pair.len());
            let name = form_text(&pair[..split])
                .ok_or("a field name is not UTF-8 text after percent-decoding")?;
            let field = match name.as_str() {
                "username" => &mut fields.username,
                "userid" => &mut fields.userid,
                "item" => &mut fields.item,
                "price" => &mut fields.price,
                "timestamp" => &mut fields.timestamp,
                _ => continue,
            };
            if !matches!(field, Given::Missing) {
                return Err(format!("{name} is given twice"));
            }
            let value = form_text(pair.get(split + 1..).unwrap_or_default())
                .ok_or_else(|| format!("{name} is not UTF-8 text after percent-decoding"))?;
            *field = Given::Text(Cow::Owned(value));
        }
        Ok(fields)
    }
}

impl<'a> Given<'a> {
    /// Today's rule: a blank text is no text.
    pub(crate) fn unless_blank(self) -> Self {
        match self {
            Self::Text(text) if text.trim().is_empty() => Self::Missing,
            given => given,
        }
    }

    fn from_json(value: Option<&'a RawValue>) -> Self {
        let Some(value) = value.map(RawValue::get) else {
            return Self::Missing;
        };
        match value.as_bytes().first() {
            Some(b'n') => Self::Missing,
            Some(b'"') => match serde_json::from_str(value) {
                Ok(text) => Self::Text(Cow::Owned(text)),
                Err(_) => Self::Broken,
            },
            Some(b'-' | b'0'..=b'9') => Self::Number(value),
            _ => Self::Other(kind(value)),
        }
    }
}

fn kind(json: &str) -> &'static str {
    match json.as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b'"') => "a string",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}

/// One name or value of a form, strictly UTF-8: replacing bad bytes would store something that nobody sent.
fn form_text(encoded: &[u8]) -> Option<String> {
    let spaced: Vec<u8> = encoded
        .iter()
        .map(|byte| if *byte == b'+' { b' ' } else { *byte })
        .collect();
    percent_decode(&spaced)
        .decode_utf8()
        .ok()
        .map(Cow::into_owned)
}
