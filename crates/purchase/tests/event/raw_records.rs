//! Records that are no CloudEvents, as the KafkaSource wraps them.

use bytes::Bytes;
use http::{HeaderValue, Request};
use purchase::event::{RAW_TYPE, Reason};
use purchase::{PurchaseId, Timestamp};

use crate::decode_request;

fn raw_request(value: &str) -> Request<Bytes> {
    Request::builder()
        .header("ce-specversion", "1.0")
        .header("ce-type", RAW_TYPE)
        .header("ce-id", "partition:2/offset:41")
        .header(
            "ce-source",
            "/apis/v1/namespaces/shop/kafkasources/storer#purchases",
        )
        .header("ce-time", "2026-01-31T12:00:00.123Z")
        .body(Bytes::from(value.to_owned()))
        .unwrap()
}

#[test]
fn a_raw_record_is_stored_as_it_was_acknowledged() {
    let long = "x".repeat(3_000);
    for (value, userid, price, timestamp) in [
        (r#"{"username":"Ada","userid":42,"price":12.5}"#.to_owned(), "42", "12.5", "2026-01-31T12:00:00.123Z"),
        (r#"{"username":"Ada","userid":"ada","price":"-3.10","timestamp":"2024-05-01T00:00:00.000Z"}"#.to_owned(), "ada", "-3.1", "2024-05-01T00:00:00.000Z"),
        (r#"{"username":"Ada","userid":"ada","price":1e300,"timestamp":"soon","item":null}"#.to_owned(), "ada", "1e300", "2026-01-31T12:00:00.123Z"),
        (format!(r#"{{"username":"{long}","userid":"{long}","price":1234567890.12345678,"__v":0}}"#), &long, "1234567890.12345678", "2026-01-31T12:00:00.123Z"),
    ] {
        let purchase = decode_request(&raw_request(&value)).unwrap();
        assert_eq!(purchase.userid.as_str(), userid);
        assert_eq!(purchase.price.to_string(), price);
        assert_eq!(purchase.timestamp.to_string(), timestamp);
        let at = Timestamp::parse("2026-01-31T12:00:00.123Z").unwrap();
        assert_eq!(purchase.id, PurchaseId::raw_record("purchases", 2, 41, at));
    }
}

#[test]
fn a_raw_record_that_is_no_purchase_is_refused() {
    for (value, reason) in [
        ("", Reason::Malformed),
        ("null", Reason::Malformed),
        ("{", Reason::Malformed),
        ("[1]", Reason::Malformed),
        (r#"{"userid":"a","price":1}"#, Reason::Invalid),
        (r#"{"username":"a","userid":"","price":1}"#, Reason::Invalid),
        (
            r#"{"username":"a","userid":{"$ne":null},"price":1}"#,
            Reason::Invalid,
        ),
        (
            r#"{"username":"a","userid":"a","price":"much"}"#,
            Reason::Invalid,
        ),
    ] {
        assert_eq!(
            decode_request(&raw_request(value)).unwrap_err().reason,
            reason,
            "{value}"
        );
    }
    for (header, value) in [
        ("ce-id", "offset:1"),
        ("ce-source", "/no-topic"),
        ("ce-source", "/x#"),
    ] {
        let mut request = raw_request(r#"{"username":"a","userid":"a","price":1}"#);
        request
            .headers_mut()
            .insert(header, HeaderValue::from_static(value));
        assert_eq!(
            decode_request(&request).unwrap_err().reason,
            Reason::Malformed
        );
    }
}
