//! One event in all forms: whatever way it comes, it is the same purchase, or refused for the same reason.

use bytes::Bytes;
use cloudevents::{AttributesReader as _, Event};
use http::{HeaderMap, HeaderValue, Request};
use proptest::prelude::*;
use purchase::event::{self, Reason, Rejection, TYPE, http as binding, structured};
use purchase::{Item, Price, Purchase, PurchaseEvent, PurchaseId, Timestamp, UserId, Username};

use crate::decode_request;

fn arbitrary_purchase() -> impl Strategy<Value = Purchase> {
    let text = "[\\PC&&[^ \u{a0}\u{3000}]]{1,40}";
    (
        text,
        text,
        proptest::option::of(text),
        1_u64..1_000_000_000_000_000,
        0_i32..=6,
        any::<[u8; 10]>(),
        0_i64..4_000_000_000_000,
    )
        .prop_filter_map(
            "texts that are not blank",
            |(userid, username, item, digits, decimals, random, millis)| {
                let timestamp = Timestamp::from_millis(millis).ok()?;
                Some(Purchase {
                    id: PurchaseId::random(timestamp, random),
                    userid: UserId::parse(&userid).ok()?,
                    username: Username::parse(&username).ok()?,
                    item: match item {
                        Some(item) => Some(Item::parse(&item).ok()?),
                        None => None,
                    },
                    price: Price::parse(&format!("{digits}e-{decimals}")).ok()?,
                    timestamp,
                })
            },
        )
}

/// What the KafkaSource does: attributes go into headers as they are.
fn written_verbatim(event: &Event) -> Request<Bytes> {
    let mut request = binding::binary_request(event);
    for (header, value) in [
        ("ce-id", event.id()),
        ("ce-source", event.source().as_str()),
    ] {
        let value = value.parse().unwrap();
        request.headers_mut().insert(header, value);
    }
    request
}

#[test]
fn an_id_with_percent_signs_is_the_same_purchase_through_headers_and_straight_from_the_log() {
    for id in ["order%2F7", "100%", "%zz", "plain"] {
        let mut attributes = ATTRIBUTES.to_vec();
        attributes[1].1 = id;
        attributes[2].1 = "/shop%20one";
        let attributes = attributes
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut event = event::assemble(attributes, Some(DATA.as_bytes().to_vec())).unwrap();
        let delivered = decode_request(&written_verbatim(&event)).unwrap();
        binding::through_headers(&mut event);
        assert_eq!(event::decode(&event).unwrap().purchase, delivered, "{id}");
    }
}

fn structured_request(json: &str, content_type: &'static str) -> Request<Bytes> {
    Request::builder()
        .header("content-type", content_type)
        .body(Bytes::from(json.to_owned()))
        .unwrap()
}

/// The three forms in which anybody can send the same attributes and data.
fn forms(attributes: &[(&str, &str)], data: &str) -> [Request<Bytes>; 3] {
    let mut binary = Request::builder().header("content-type", "application/json");
    let mut members = vec![format!("\"data\":{data}")];
    for (name, value) in attributes {
        binary = binary.header(format!("ce-{name}"), *value);
        members.push(format!("{name:?}:{value:?}"));
    }
    let json = format!("{{{}}}", members.join(","));
    [
        binary.body(Bytes::from(data.to_owned())).unwrap(),
        structured_request(&json, "application/cloudevents+json; charset=utf-8"),
        structured_request(&format!("[{json}]"), structured::BATCH_CONTENT_TYPE),
    ]
}

fn decode_any(request: &Request<Bytes>) -> Result<Purchase, Rejection> {
    let entry = match binding::read(request.headers(), request.body()) {
        Ok(binding::Message::One(event)) => event::decode(&event),
        Ok(binding::Message::Batch(events)) => events
            .into_iter()
            .next()
            .unwrap()
            .and_then(|event| event::decode(&event)),
        Err(binding::ReadError::Malformed(rejection)) => Err(rejection),
        Err(error) => panic!("{error}"),
    };
    entry.map(|entry| entry.purchase)
}

const ATTRIBUTES: [(&str, &str); 4] = [
    ("specversion", "1.0"),
    ("id", "01936f2e-8a3c-7b41-9c55-1f0e6d2a7b10"),
    ("source", event::SOURCE),
    ("type", TYPE),
];
const DATA: &str = r#"{"username":"Zofia Łąka","userid":"u/1","price":12.5,"timestamp":"2026-01-31T12:00:00.000Z"}"#;

proptest! {
    #[test]
    fn a_purchase_survives_every_form(purchase in arbitrary_purchase()) {
        let traceparent = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned());
        let event = PurchaseEvent { purchase: purchase.clone(), traceparent }.to_cloudevent();
        prop_assert_eq!(&event::decode(&event).unwrap().purchase, &purchase);

        let request = binding::binary_request(&event);
        prop_assert!(request.headers().values().all(|value| value.to_str().is_ok()));
        prop_assert_eq!(&decode_request(&request).unwrap(), &purchase);

        let json = structured::write(&event);
        let read = structured::read(json.as_bytes()).unwrap();
        prop_assert_eq!(structured::write(&read), json.clone());
        prop_assert_eq!(&event::decode(&read).unwrap().purchase, &purchase);

        let batch = structured::read_batch(format!("[{json},{json}]").as_bytes()).unwrap();
        for event in batch {
            prop_assert_eq!(&event::decode(&event.unwrap()).unwrap().purchase, &purchase);
        }
    }

    #[test]
    fn no_request_makes_the_reader_panic(
        body in proptest::collection::vec(any::<u8>(), 0..200),
        form in 0_usize..4,
    ) {
        let mut headers = HeaderMap::new();
        match form {
            0 => drop(headers.insert("content-type", HeaderValue::from_static(structured::CONTENT_TYPE))),
            1 => drop(headers.insert("content-type", HeaderValue::from_static(structured::BATCH_CONTENT_TYPE))),
            2 => for (name, value) in ATTRIBUTES {
                headers.insert(http::HeaderName::try_from(format!("ce-{name}")).unwrap(), HeaderValue::from_static(value));
            },
            _ => {}
        }
        if let Ok(binding::Message::One(event)) = binding::read(&headers, &body) {
            let _ = event::decode(&event);
        }
    }
}

#[test]
fn the_event_in_the_log_looks_like_this() {
    let purchase = Purchase {
        id: ATTRIBUTES[1].1.parse().unwrap(),
        username: Username::parse("Zofia Łąka").unwrap(),
        userid: UserId::parse("u/1").unwrap(),
        item: Some(Item::parse("tea 🍵").unwrap()),
        price: Price::parse("12.50").unwrap(),
        timestamp: Timestamp::parse("2026-01-31T12:00:00Z").unwrap(),
    };
    let traceparent = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned());
    let event = PurchaseEvent {
        purchase,
        traceparent,
    }
    .to_cloudevent();
    let request = binding::binary_request(&event);
    let mut headers: Vec<_> = request
        .headers()
        .iter()
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    headers.sort();
    let body = String::from_utf8(request.body().to_vec()).unwrap();
    insta::assert_snapshot!(format!(
        "{}\n\n{body}\n\n{}",
        headers.join("\n"),
        structured::write(&event)
    ));
}

#[test]
fn the_same_fault_is_the_same_rejection_in_every_form() {
    let without = |name: &str| {
        ATTRIBUTES
            .into_iter()
            .filter(|(other, _)| *other != name)
            .collect::<Vec<_>>()
    };
    let with = |name: &'static str, value: &'static str| {
        let mut attributes = without(name);
        attributes.push((name, value));
        attributes
    };
    let own = ATTRIBUTES.to_vec();
    for (attributes, data, reason) in [
        (without("id"), DATA, Reason::Malformed),
        (without("source"), DATA, Reason::Malformed),
        (without("type"), DATA, Reason::Malformed),
        (with("specversion", "0.3"), DATA, Reason::Malformed),
        (with("specversion", "2.0"), DATA, Reason::Malformed),
        (with("id", ""), DATA, Reason::Malformed),
        (with("time", "noon"), DATA, Reason::Malformed),
        (with("type", "com.example.other"), DATA, Reason::UnknownType),
        (with("id", "not-a-uuid"), DATA, Reason::Invalid),
        (
            own.clone(),
            r#"{"username":"a","userid":"b","price":0,"timestamp":"2026-01-31T12:00:00Z"}"#,
            Reason::Invalid,
        ),
        (
            own.clone(),
            r#"{"username":"a","userid":"b","price":0.10000000000000000001,"timestamp":"2026-01-31T12:00:00Z"}"#,
            Reason::Invalid,
        ),
        (
            own.clone(),
            r#"{"username":"a","userid":"b","price":1e400,"timestamp":"2026-01-31T12:00:00Z"}"#,
            Reason::Invalid,
        ),
        (
            own.clone(),
            r#"{"username":"a","userid":7,"price":1,"timestamp":"2026-01-31T12:00:00Z"}"#,
            Reason::Invalid,
        ),
        (
            own.clone(),
            r#"{"username":"a","userid":"b","price":1}"#,
            Reason::Invalid,
        ),
        (own, "[]", Reason::Malformed),
    ] {
        for request in forms(&attributes, data) {
            let rejection = decode_any(&request).expect_err(data);
            assert_eq!(rejection.reason, reason, "{rejection} {request:?}");
        }
    }
    for request in forms(&ATTRIBUTES, DATA) {
        assert_eq!(
            decode_any(&request).unwrap().id.to_string(),
            ATTRIBUTES[1].1
        );
    }
}

#[test]
fn percent_encoded_attributes_and_plain_ones_are_the_same_event() {
    let encoded = |name: &'static str, value: &'static str| {
        let mut attributes = ATTRIBUTES.to_vec();
        attributes.retain(|(other, _)| *other != name);
        attributes.push((name, value));
        forms(&attributes, DATA)
    };
    let [binary, ..] = encoded("source", "/sklep%20%C5%BC");
    let [_, structured, batch] = encoded("source", "/sklep ż");
    let ids: Vec<_> = [binary, structured, batch]
        .iter()
        .map(|request| decode_any(request).unwrap().id)
        .collect();
    assert_eq!(
        ids,
        [PurchaseId::foreign_event("/sklep ż", ATTRIBUTES[1].1); 3]
    );
}

#[test]
fn data_may_come_in_base64() {
    let base64 = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, DATA);
    let json = format!(
        r#"{{"specversion":"1.0","id":"{}","source":"{}","type":"{TYPE}","data_base64":"{base64}"}}"#,
        ATTRIBUTES[1].1,
        event::SOURCE,
    );
    let event = structured::read(json.as_bytes()).unwrap();
    assert_eq!(
        event::decode(&event).unwrap().purchase.userid.as_str(),
        "u/1"
    );
}

#[test]
fn an_attribute_that_is_a_text_is_no_number_and_an_extension_may_be_one() {
    let event = |more: &str| {
        let json = format!(
            r#"{{"specversion":"1.0","id":"1","source":"/a","type":"t","time":"2026-01-31T12:00:00Z",{more}}}"#
        );
        structured::read(json.as_bytes())
    };
    assert!(event(r#""count":7,"sampled":true,"subject":null"#).is_ok());
    for (name, json) in [
        ("subject", r#""subject":7"#),
        ("datacontenttype", r#""datacontenttype":true"#),
        ("dataschema", r#""dataschema":["a"]"#),
        ("list", r#""list":["a"]"#),
    ] {
        let rejection = event(json).unwrap_err();
        assert_eq!(rejection.reason, Reason::Malformed, "{json}");
        assert!(rejection.detail.contains(name), "{rejection}");
    }
    for id in ["0", "true", "{}"] {
        let json = format!(r#"{{"specversion":"1.0","id":{id},"source":"/a","type":"t"}}"#);
        let rejection = structured::read(json.as_bytes()).unwrap_err();
        assert_eq!(rejection.detail, "attribute id must be a string");
    }
}

#[test]
fn what_is_no_event_is_told_apart_from_a_broken_one() {
    for (content_type, not_an_event) in [
        (None, true),
        (Some("text/plain"), true),
        (Some("application/cloudevents+avro"), true),
        (Some("application/json"), false),
        (Some("application/cloudevents+json"), false),
        (Some("application/cloudevents-batch+json"), false),
    ] {
        let mut headers = HeaderMap::new();
        if let Some(content_type) = content_type {
            headers.insert("content-type", HeaderValue::from_static(content_type));
        }
        let error = binding::read(&headers, b"hello").unwrap_err();
        assert_eq!(
            matches!(error, binding::ReadError::NotAnEvent(_)),
            not_an_event,
            "{error}"
        );
    }
}

#[test]
fn ce_headers_without_specversion_are_a_broken_event() {
    let mut headers = HeaderMap::new();
    headers.insert("ce-id", HeaderValue::from_static("1"));
    let error = binding::read(&headers, b"{}").unwrap_err();
    assert!(matches!(error, binding::ReadError::Malformed(_)), "{error}");
}

#[test]
fn a_control_character_in_an_attribute_is_refused_so_that_derived_ids_stay_apart() {
    for name in ["id", "source", "type"] {
        let mut attributes = ATTRIBUTES.to_vec();
        attributes.retain(|(other, _)| *other != name);
        attributes.push((name, "a%00b"));
        let [binary, ..] = forms(&attributes, DATA);
        assert_eq!(decode_any(&binary).unwrap_err().reason, Reason::Malformed);
        let json = format!("{{\"specversion\":\"1.0\",\"{name}\":\"a\\u0000b\"}}");
        let rejection = structured::read(json.as_bytes()).unwrap_err();
        assert!(rejection.detail.contains(name), "{rejection}");
    }
}

#[test]
fn an_extension_that_nobody_reads_does_not_lose_the_event() {
    let [mut binary, ..] = forms(&ATTRIBUTES, DATA);
    let headers = binary.headers_mut();
    headers.insert("ce-mangled", HeaderValue::from_bytes(b"\xff\xfe").unwrap());
    headers.insert("ce-not-a-name", HeaderValue::from_static("x"));
    assert!(decode_any(&binary).is_ok());
    binary
        .headers_mut()
        .insert("ce-time", HeaderValue::from_bytes(b"\xff").unwrap());
    assert_eq!(decode_any(&binary).unwrap_err().reason, Reason::Malformed);
}
