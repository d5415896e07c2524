//! How a client states a purchase: the body of `POST /buy` and `POST /purchases`, and the data of our own events.

use thiserror::Error;

use crate::fields::{Fields, Given};
use crate::price::{Price, PriceError};
use crate::purchase::NewPurchase;
use crate::text::{Item, TextError, UserId, Username};
use crate::timestamp::Timestamp;

/// Why a body states no purchase.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// It cannot be read at all; the text says what is wrong and where.
    #[error("{0}")]
    Unreadable(String),
    /// It can be read and is wrong: a sentence for the client, and what is wrong with each field.
    #[error("{sentence}")]
    Invalid {
        sentence: String,
        fields: Vec<FieldError>,
    },
}

/// What is wrong with one field; `message` reads on from its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    pub field: &'static str,
    pub message: String,
}

/// The words that existing clients look for, whichever field is missing.
const MISSING: &str = "Missing required fields: username, userid, price";

/// Whose time a purchase gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timestamps {
    /// The receiver's: a `timestamp` that was sent is ignored like any other unknown field.
    Receiver,
    /// The sender's, if it sent one.
    Sender,
}

/// Reads a JSON object.
pub fn from_json(body: &[u8], timestamps: Timestamps) -> Result<NewPurchase, Refusal> {
    let fields = Fields::from_json(body).map_err(Refusal::Unreadable)?;
    validate(fields, timestamps)
}

/// Reads a body of `application/x-www-form-urlencoded`.
pub fn from_form(body: &[u8], timestamps: Timestamps) -> Result<NewPurchase, Refusal> {
    let fields = Fields::from_form(body).map_err(Refusal::Unreadable)?;
    validate(fields, timestamps)
}

fn validate(mut fields: Fields<'_>, timestamps: Timestamps) -> Result<NewPurchase, Refusal> {
    if timestamps == Timestamps::Receiver {
        fields.timestamp = Given::Missing;
    }
    let mut faults = Faults::default();
    let username = faults.required("username", text(fields.username, Username::parse));
    let userid = faults.required("userid", text(fields.userid, UserId::parse));
    let item = faults.optional("item", text(fields.item, Item::parse));
    let price = faults.required("price", price(fields.price));
    let timestamp = faults.optional("timestamp", timestamp(fields.timestamp));
    match (username, userid, price) {
        (Some(username), Some(userid), Some(price)) if faults.0.is_empty() => Ok(NewPurchase {
            username,
            userid,
            item,
            price,
            timestamp,
        }),
        _ => Err(faults.into_refusal()),
    }
}

/// What can be wrong with a field.
enum Fault {
    Missing,
    /// The message, and the sentence if it is not made of the field's name and the message.
    Bad(String, Option<&'static str>),
}

fn text<T>(given: Given<'_>, parse: fn(&str) -> Result<T, TextError>) -> Result<T, Fault> {
    match given.unless_blank() {
        Given::Missing => Err(Fault::Missing),
        Given::Text(text) => parse(&text).map_err(|error| Fault::Bad(error.to_string(), None)),
        given => Err(wrong_type("a string", given)),
    }
}

fn price(given: Given<'_>) -> Result<Price, Fault> {
    let parsed = match given.unless_blank() {
        Given::Missing => return Err(Fault::Missing),
        Given::Text(text) => Price::parse(&text),
        Given::Number(number) => Price::parse(number),
        given => return Err(wrong_type("a number, or a string with one,", given)),
    };
    parsed.map_err(|error| {
        let sentence = matches!(error, PriceError::NotPlain | PriceError::NotPositive)
            .then_some("Price must be a positive number");
        Fault::Bad(error.to_string(), sentence)
    })
}

fn timestamp(given: Given<'_>) -> Result<Timestamp, Fault> {
    match given.unless_blank() {
        Given::Missing => Err(Fault::Missing),
        Given::Text(text) => {
            Timestamp::parse(&text).map_err(|error| Fault::Bad(error.to_string(), None))
        }
        given => Err(wrong_type("a string", given)),
    }
}

fn wrong_type(expected: &str, given: Given<'_>) -> Fault {
    let found = match given {
        Given::Number(_) => "a number",
        Given::Other(kind) => kind,
        Given::Broken => {
            return Fault::Bad(
                "has a \\u escape that is no Unicode character".to_owned(),
                None,
            );
        }
        Given::Missing | Given::Text(_) => "a string",
    };
    Fault::Bad(format!("must be {expected} but is {found}"), None)
}

/// Collects what is wrong, so that the client learns all of it at once.
#[derive(Default)]
struct Faults(Vec<(&'static str, Fault)>);

impl Faults {
    fn required<T>(&mut self, field: &'static str, parsed: Result<T, Fault>) -> Option<T> {
        parsed.map_err(|fault| self.0.push((field, fault))).ok()
    }

    fn optional<T>(&mut self, field: &'static str, parsed: Result<T, Fault>) -> Option<T> {
        match parsed {
            Err(Fault::Missing) => None,
            parsed => self.required(field, parsed),
        }
    }

    fn into_refusal(self) -> Refusal {
        let missing = self
            .0
            .iter()
            .any(|(_, fault)| matches!(fault, Fault::Missing));
        let mut sentence = missing.then(|| MISSING.to_owned());
        let fields = self
            .0
            .into_iter()
            .map(|(field, fault)| {
                let (message, own_sentence) = match fault {
                    Fault::Missing => (TextError::Blank.to_string(), None),
                    Fault::Bad(message, own_sentence) => (message, own_sentence),
                };
                sentence.get_or_insert_with(|| match own_sentence {
                    Some(own_sentence) => own_sentence.to_owned(),
                    None => format!("{} {message}.", capitalised(field)),
                });
                FieldError { field, message }
            })
            .collect();
        Refusal::Invalid {
            sentence: sentence.unwrap_or_default(),
            fields,
        }
    }
}

fn capitalised(field: &str) -> String {
    let mut chars = field.chars();
    chars
        .next()
        .map(|first| first.to_ascii_uppercase().to_string() + chars.as_str())
        .unwrap_or_default()
}
