//! Events as they arrive: in every form of CloudEvents, and as raw records.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

mod forms;
mod raw_records;

use bytes::Bytes;
use cloudevents::Event;
use http::{HeaderMap, Request};
use purchase::Purchase;
use purchase::event::{self, Rejection, http as binding};

fn read_one(headers: &HeaderMap, body: &[u8]) -> Result<Event, binding::ReadError> {
    match binding::read(headers, body)? {
        binding::Message::One(event) => Ok(*event),
        binding::Message::Batch(_) => panic!("a single event became a batch"),
    }
}

fn decode_request(request: &Request<Bytes>) -> Result<Purchase, Rejection> {
    match read_one(request.headers(), request.body()) {
        Ok(event) => event::decode(&event).map(|entry| entry.purchase),
        Err(binding::ReadError::Malformed(rejection)) => Err(rejection),
        Err(error) => panic!("{error}"),
    }
}
