//! An event as it is sent, right or wrong, in each mode.

use std::fmt::Write as _;

use serde_json::{Value, json};
use testkit::raw;

use super::super::wire::base64;

pub(super) const TYPE: &str = "dev.userbuylist.purchase.recorded.v1";
pub(super) const BATCH: &str = "application/cloudevents-batch+json";
pub(super) const STRUCTURED: &str = "application/cloudevents+json";

/// An event as it is sent, right or wrong.
#[derive(Clone)]
pub(super) struct Sent {
    pub(super) attributes: Vec<(&'static str, String)>,
    pub(super) data: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Binary,
    Structured,
    /// A batch of one.
    Batch,
}

impl Mode {
    pub(super) const ALL: [Self; 3] = [Self::Binary, Self::Structured, Self::Batch];
}

impl Sent {
    pub(super) fn new(id: &str, userid: &str) -> Self {
        let attributes = [
            ("specversion", "1.0"),
            ("id", id),
            ("source", "/faults"),
            ("type", TYPE),
            ("time", "2026-01-31T12:00:00.000Z"),
            ("datacontenttype", "application/json"),
        ];
        let data = json!({"username": "Ada", "userid": userid, "item": "tea", "price": 12.5});
        Self {
            attributes: attributes
                .map(|(name, value)| (name, value.to_owned()))
                .into(),
            data: data.to_string(),
        }
    }

    pub(super) fn without(mut self, name: &str) -> Self {
        self.attributes.retain(|(attribute, _)| *attribute != name);
        self
    }

    pub(super) fn with(self, name: &'static str, value: &str) -> Self {
        let mut sent = self.without(name);
        sent.attributes.push((name, value.to_owned()));
        sent
    }

    pub(super) fn data(self, data: &str) -> Self {
        Self {
            data: data.to_owned(),
            ..self
        }
    }

    pub(super) fn written(&self, mode: Mode) -> Vec<u8> {
        match mode {
            Mode::Binary => self.binary(encoded),
            Mode::Structured => post(STRUCTURED, &self.json()),
            Mode::Batch => post(BATCH, &format!("[{}]", self.json())),
        }
    }

    pub(super) fn binary(&self, spell: fn(&str) -> String) -> Vec<u8> {
        let headers: Vec<_> = self
            .attributes
            .iter()
            .map(|(name, value)| match *name {
                "datacontenttype" => format!("Content-Type: {value}"),
                name => format!("ce-{name}: {}", spell(value)),
            })
            .collect();
        let headers: Vec<_> = headers.iter().map(String::as_str).collect();
        raw::request("POST /", &headers, &self.data)
    }

    /// Data that is no JSON goes as text in base64.
    pub(super) fn json(&self) -> String {
        let mut json = String::from("{");
        for (name, value) in &self.attributes {
            write!(json, "\"{name}\":{},", Value::from(value.as_str())).unwrap();
        }
        match serde_json::from_str::<Value>(&self.data) {
            Ok(_) => write!(json, "\"data\":{}}}", self.data).unwrap(),
            Err(_) => write!(
                json,
                "\"data_base64\":\"{}\"}}",
                base64(self.data.as_bytes())
            )
            .unwrap(),
        }
        json
    }
}

pub(super) fn post(content_type: &str, body: &str) -> Vec<u8> {
    raw::request("POST /", &[&format!("Content-Type: {content_type}")], body)
}

/// As the specification says: everything but printable ASCII, and the space, the quote and the percent sign.
pub(super) fn encoded(value: &str) -> String {
    let spell = |byte: u8| match byte {
        b'!' | b'#' | b'$' | b'&'..=b'~' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    value.bytes().map(spell).collect()
}

pub(super) fn all_encoded(value: &str) -> String {
    value.bytes().map(|byte| format!("%{byte:02x}")).collect()
}
