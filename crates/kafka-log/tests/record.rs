//! Events as records and back, without a broker.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

use std::fmt::Write as _;

use cloudevents::{AttributesReader, Event};
use kafka_log::record::{self, Record};
use proptest::prelude::*;
use purchase::event::{self, assemble, http};
use purchase::{Entry, PurchaseEvent, PurchaseId, Timestamp};
use redrive::replayable;
use testkit::sample::{self, NOON_MS, STAMPED_ID};

const SOURCE: &str = "/apis/v1/namespaces/default/kafkasources/purchases";
const JSON: &str = r#"{"username":"Ada","userid":"ada","price":12.50}"#;

fn record(headers: &[(&str, &str)], value: &str) -> Record {
    let headers = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), Some(value.as_bytes().to_vec())));
    Record {
        topic: "purchases".into(),
        partition: 2,
        offset: 41,
        recorded_at: Timestamp::from_millis(NOON_MS).unwrap(),
        key: Some(b"ada".to_vec()),
        headers: headers.collect(),
        value: Some(value.as_bytes().to_vec()),
    }
}

fn record_of(event: &Event) -> Record {
    let (headers, value) = record::write(event);
    let headers = headers
        .into_iter()
        .map(|(name, value)| (name, Some(value)))
        .collect();
    Record {
        headers,
        value: Some(value),
        ..record(&[], "")
    }
}

/// An event, an attribute a line, in the order of their names.
fn show(event: &Event) -> String {
    let mut lines: Vec<_> = event
        .iter()
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    lines.sort();
    let data: Option<Vec<u8>> = event.data().cloned().and_then(|data| data.try_into().ok());
    let data = data.map(|data| String::from_utf8_lossy(&data).into_owned());
    format!("{}\ndata: {data:?}\n", lines.join("\n"))
}

const BINARY: [(&str, &str); 6] = [
    ("ce_specversion", "1.0"),
    ("ce_id", STAMPED_ID),
    ("ce_source", event::SOURCE),
    ("ce_type", event::TYPE),
    ("ce_time", "2026-01-31T12:00:00Z"),
    ("content-type", "application/json"),
];

/// The headers of an event, one of them changed or added, or left out.
fn binary(name: &str, value: Option<&str>) -> Record {
    let mut headers: Vec<_> = BINARY
        .into_iter()
        .filter(|(known, _)| *known != name)
        .collect();
    headers.extend(value.map(|value| (name, value)));
    record(&headers, JSON)
}

fn is_raw(record: &Record) -> bool {
    let event = record::read(record, SOURCE);
    assert_eq!(
        event.ty() == event::RAW_TYPE,
        event.id() == "partition:2/offset:41"
    );
    event.ty() == event::RAW_TYPE
}

#[test]
fn the_record_of_a_purchase_looks_like_this() {
    let mut purchase = sample::purchase("Zażółć/🛒");
    purchase.id = PurchaseId::parse_uuid(STAMPED_ID).unwrap();
    let traceparent = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned());
    let event = PurchaseEvent {
        purchase,
        traceparent,
    }
    .to_cloudevent();
    let (headers, value) = record::write(&event);
    let mut shown = String::new();
    for (name, value) in headers {
        writeln!(shown, "{name}: {}", String::from_utf8(value).unwrap()).unwrap();
    }
    insta::assert_snapshot!(shown + "\n" + &String::from_utf8(value).unwrap());
}

#[test]
fn what_is_not_an_event_is_wrapped_as_the_kafka_source_does() {
    let mut headers = vec![
        ("Content-Type", "Text/JSON; charset=UTF-8"),
        ("X-Request_Id", "7"),
        (
            "traceparent",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ),
    ];
    let with_headers = record(&headers, JSON);
    headers.clear();
    let mut bare = record(&headers, JSON);
    bare.key = None;
    bare.value = None;
    bare.headers.push(("null".to_owned(), None));
    insta::assert_snapshot!(
        [with_headers, bare]
            .map(|record| show(&record::read(&record, SOURCE)))
            .join("\n")
    );
}

#[test]
fn an_event_is_read_in_either_mode() {
    let structured = format!(
        r#"{{"specversion":"1.0","id":"{STAMPED_ID}","source":"{}","type":"{}","time":"2026-01-31T12:00:00Z",
           "datacontenttype":"application/json","data":{JSON}}}"#,
        event::SOURCE,
        event::TYPE
    );
    let content_type = "application/cloudevents+json; charset=UTF-8";
    let structured = record(&[("content-type", content_type)], &structured);
    let binary = record::read(&record(&BINARY, JSON), SOURCE);
    assert_eq!(record::read(&structured, SOURCE), binary);
    assert_eq!(binary.id(), STAMPED_ID);
    event::decode(&binary).unwrap();
}

#[test]
fn small_differences_do_not_hide_an_event() {
    for (name, value) in [
        ("ce_ID", Some("another")),
        ("ce_extension1", Some("ä")),
        ("ce_time", None),
        ("content-type", None),
        ("content-type", Some("text/plain")),
        ("other-header", Some("")),
        ("ce_", Some("nothing")),
        ("ce_source", Some("urn:shop:1")),
        ("ce_dataschema", Some("https://example.org/schema")),
    ] {
        assert!(!is_raw(&binary(name, value)), "{name} {value:?}");
    }
    let mut with_null = record(&BINARY, JSON);
    with_null.headers.push(("ce_subject".to_owned(), None));
    with_null.headers.push(("content-type".to_owned(), None));
    assert!(!is_raw(&with_null));
    let mut twice = record(&BINARY, JSON);
    twice
        .headers
        .push(("ce_id".to_owned(), Some(b"last".to_vec())));
    assert_eq!(record::read(&twice, SOURCE).id(), "last");
}

#[test]
fn an_envelope_that_cannot_be_read_is_a_raw_record() {
    for (name, value) in [
        ("ce_specversion", None),
        ("ce_specversion", Some("0.3")),
        ("ce_specversion", Some("1.0 ")),
        ("ce_id", None),
        ("ce_id", Some("")),
        ("ce_source", None),
        ("ce_source", Some("my shop")),
        ("ce_type", None),
        ("ce_time", Some("noon")),
        ("ce_subject", Some("")),
        ("ce_dataschema", Some("a b")),
        ("ce_with_underscore", Some("1")),
        ("content-type", Some("application/cloudevents+json")),
        ("content-type", Some("application/cloudevents-batch+json")),
        ("content-type", Some("application/cloudevents+avro")),
    ] {
        assert!(is_raw(&binary(name, value)), "{name} {value:?}");
    }
    let upper_case = BINARY.map(|(name, value)| (name.replacen("ce_", "CE_", 1), value));
    let upper_case: Vec<_> = upper_case
        .iter()
        .map(|(name, value)| (&**name, *value))
        .collect();
    assert!(is_raw(&record(&upper_case, JSON)));
}

#[test]
fn data_of_a_raw_record_are_its_bytes_and_give_a_purchase() {
    let event = record::read(&record(&[], JSON), SOURCE);
    let entry = event::decode(&event).unwrap();
    assert_eq!(
        entry.purchase.id,
        PurchaseId::raw_record("purchases", 2, 41, Timestamp::from_millis(NOON_MS).unwrap())
    );
    let mut broken = record(&[], JSON);
    broken.value = Some(vec![0xff, 0, b'{']);
    let event = record::read(&broken, SOURCE);
    assert!(event::decode(&event).is_err());
    assert!(show(&event).ends_with("data: Some(\"\u{fffd}\\0{\")\n"));
}

/// What storer's rules make of an event, read by consumer or sent by a KafkaSource.
type Judged = (
    Result<PurchaseId, event::Rejection>,
    Result<Entry, event::Rejection>,
);

/// A record as it is judged, and as it is judged when it died and was replayed.
fn replayed(record: &Record) -> (Judged, Judged) {
    let judge = |mut event: Event| {
        http::through_headers(&mut event);
        (event::identity(&event), event::decode(&event))
    };
    let event = record::read(record, SOURCE);
    let replayed = Record {
        partition: 9,
        offset: 99,
        ..record_of(&replayable(event.clone()))
    };
    (judge(event), judge(record::read(&replayed, "/another")))
}

/// The type of the data is that of the record, once the event has headers instead of an envelope.
#[test]
fn what_had_an_envelope_of_its_own_is_replayed_as_the_same_purchase() {
    for data_type in [
        "application/json",
        "application/cloudevents+json",
        "application/cloudevents-batch+json",
    ] {
        let structured = format!(
            r#"{{"specversion":"1.0","id":"a%2520b","source":"/shop","type":"{}","time":"2026-01-31T12:00:00Z",
               "datacontenttype":"{data_type}","data":{JSON}}}"#,
            event::TYPE
        );
        let content_type = "application/cloudevents+json";
        for record in [
            record(&[("content-type", content_type)], &structured),
            record(&[("content-type", data_type)], JSON),
        ] {
            let (before, after) = replayed(&record);
            assert!(before.1.is_ok(), "{before:?}");
            assert_eq!(after, before, "{data_type}");
        }
    }
}

fn any_text() -> impl Strategy<Value = String> {
    "[^\\p{Cc}]{1,20}"
}

prop_compose! {
    fn any_event()(
        id in any_text(),
        source in "(/a|urn:|https://a)[a-z0-9/._~äöü-]{1,20}",
        ty in any_text(),
        subject in proptest::option::of(any_text()),
        time in proptest::option::of("20[0-9]{2}-0[1-9]-[12][0-8]T1[0-9]:[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?Z"),
        content_type in proptest::option::of("[a-z]{1,9}/[a-z+]{1,9}"),
        extensions in proptest::collection::btree_map("x[a-z0-9]{0,8}", any_text(), 0..4),
        data in proptest::collection::vec(any::<u8>(), 1..50),
    ) -> Event {
        let attributes = [("specversion", Some("1.0".to_owned())), ("id", Some(id)), ("source", Some(source)), ("type", Some(ty)),
            ("subject", subject), ("time", time), ("datacontenttype", content_type)];
        let attributes = attributes.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        assemble(attributes.chain(extensions), Some(data)).unwrap()
    }
}

prop_compose! {
    fn any_record()(
        headers in proptest::collection::vec((
            prop_oneof![
                proptest::sample::select(vec!["ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "ce_subject", "content-type",
                    "ce_traceparent", "traceparent", "ce_datacontenttype"]).prop_map(str::to_owned),
                any::<String>(),
            ],
            proptest::option::of(prop_oneof![
                proptest::sample::select(vec!["1.0", event::TYPE, event::RAW_TYPE, event::SOURCE, STAMPED_ID, "application/json",
                    "2026-01-31T12:00:00Z", "/a#b", "partition:1/offset:2", "a%2520b"]).prop_map(|text| text.as_bytes().to_vec()),
                proptest::collection::vec(any::<u8>(), 0..20),
            ]),
        ), 0..10),
        is_event in any::<bool>(),
        value in proptest::option::of(prop_oneof![
            Just(JSON.as_bytes().to_vec()),
            proptest::collection::vec(any::<u8>(), 0..50),
        ]),
        key in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..10)),
    ) -> Record {
        let mut record = record(if is_event { &BINARY } else { &[] }, "");
        record.headers.extend(headers);
        Record { value, key, ..record }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read(event in any_event()) {
        prop_assert_eq!(record::read(&record_of(&event), SOURCE), event);
    }

    #[test]
    fn any_record_is_judged_like_the_request_that_a_kafka_source_makes_of_it(record in any_record()) {
        let event = record::read(&record, SOURCE);
        let request = http::binary_request(&event);
        let http::Message::One(received) = http::read(request.headers(), request.body()).unwrap() else {
            panic!("a batch");
        };
        prop_assert_eq!(event::decode(&received), event::decode(&event));
    }

    #[test]
    fn a_record_that_is_replayed_from_another_place_is_the_same_purchase_again(record in any_record()) {
        let (before, after) = replayed(&record);
        prop_assert_eq!(after, before);
    }
}
