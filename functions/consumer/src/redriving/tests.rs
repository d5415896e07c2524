//! What is made of a letter, whoever wrote it.

use purchase::event::{self, TYPE};
use purchase::{PurchaseId, Timestamp};
use testkit::sample::NOON_MS;

use super::*;

const JSON: &str =
    r#"{"username":"Ada","userid":"ada","price":1,"timestamp":"2026-01-31T12:00:00Z"}"#;

fn record(headers: &[(&str, &str)], value: &str) -> Record {
    let headers = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), Some(value.as_bytes().to_vec())));
    Record {
        topic: "dead-letters".into(),
        partition: 0,
        offset: 7,
        recorded_at: Timestamp::from_millis(NOON_MS + 5).unwrap(),
        key: Some(b"ada".to_vec()),
        headers: headers.collect(),
        value: Some(value.as_bytes().to_vec()),
    }
}

const EVENT: [(&str, &str); 4] = [
    ("ce_specversion", "1.0"),
    ("ce_type", TYPE),
    ("ce_source", "/shop"),
    ("ce_id", "7%2525"),
];

const BURIAL: [(&str, &str); 7] = [
    ("dl_reason", "invalid"),
    ("dl_detail", "why"),
    ("dl_topic", "purchases"),
    ("dl_partition", "2"),
    ("dl_offset", "41"),
    ("dl_recorded_at", "2026-01-31T12:00:00.000Z"),
    ("dl_died_at", "2026-01-31T12:00:01.500Z"),
];

const LOST: [(&str, &str); 2] = [("dl_sha256", "00ff"), ("dl_bytes", "20000")];

/// The id of the purchase in what goes back of a letter.
fn id(letter: &Letter) -> PurchaseId {
    let Content::Event(event) = &letter.content else {
        panic!("{:?} is not what goes back", letter.content);
    };
    let mut delivered = event.clone();
    http::through_headers(&mut delivered);
    event::decode(&delivered).unwrap().purchase.id
}

#[test]
fn a_raw_record_that_consumer_buried_has_the_place_that_it_had() {
    let letter = letter(record(&BURIAL, JSON));
    assert_eq!((letter.place.partition, letter.place.offset), (0, 7));
    assert_eq!((letter.reason, &*letter.detail), (Reason::Invalid, "why"));
    assert_eq!(letter.died_at.millis(), NOON_MS + 1_500);
    assert_eq!(letter.origin.as_deref(), Some("purchases/2/41"));
    assert_eq!(letter.key.as_deref(), Some("ada"));
    let at = Timestamp::from_millis(NOON_MS).unwrap();
    let expected = PurchaseId::raw_record("purchases", 2, 41, at);
    assert_eq!(id(&letter), expected);
}

#[test]
fn an_event_has_the_same_id_by_whichever_road_it_died() {
    // A percent sign is decoded once on each road, so it must not be decoded here.
    let expected = PurchaseId::foreign_event("/shop", "7%25");
    let buried = letter(record(&[&EVENT[..], &BURIAL].concat(), JSON));
    assert_eq!(id(&buried), expected);
    let said = [
        ("ce_knativeerrordest", "http://storer/"),
        ("ce_knativeerrorcode", "503"),
        ("ce_knativeerrordata", "bm8="),
        ("ce_knativekafkapartition", "2"),
        ("ce_knativekafkaoffset", "41"),
    ];
    let kept = letter(record(&[&EVENT[..], &said].concat(), JSON));
    assert_eq!(id(&kept), expected);
    assert_eq!(kept.reason, Reason::RetriesExhausted);
    assert_eq!(kept.detail, "503 Service Unavailable: no");
    assert_eq!(kept.died_at.millis(), NOON_MS + 5);
    assert_eq!(kept.origin.as_deref(), Some("partition 2, offset 41"));
    let [Content::Event(buried), Content::Event(kept)] =
        [buried, kept].map(|letter| letter.content)
    else {
        panic!("both are events");
    };
    assert_eq!(buried, kept, "what goes back");
}

#[test]
fn a_raw_record_that_a_sink_kept_has_the_place_that_it_had() {
    let wrapped = [
        ("ce_specversion", "1.0"),
        ("ce_type", RAW_TYPE),
        (
            "ce_source",
            "/apis/v1/namespaces/a/kafkasources/b#purchases",
        ),
        ("ce_id", "partition:2/offset:41"),
        ("ce_time", "2026-01-31T12:00:00Z"),
        ("ce_knativeerrordest", "http://storer/"),
    ];
    let letter = letter(record(&wrapped, JSON));
    let at = Timestamp::from_millis(NOON_MS).unwrap();
    assert_eq!(id(&letter), PurchaseId::raw_record("purchases", 2, 41, at));
    assert_eq!(letter.origin.as_deref(), Some("purchases/2/41"));
}

#[test]
fn of_what_was_too_large_there_is_only_where_it_was() {
    for (headers, has_attributes) in [
        ([&EVENT[..], &BURIAL, &LOST].concat(), true),
        // Its own headers were too much too, so it looks like a raw record, and nobody knows whether it was one.
        ([&BURIAL[..], &LOST].concat(), false),
    ] {
        let letter = letter(record(&headers, ""));
        let Content::Attributes { event, why } = letter.content else {
            panic!("{:?}", letter.content);
        };
        assert_eq!(event.is_some(), has_attributes);
        assert!(
            why.contains("its 20000 bytes") && why.contains("purchases/2/41"),
            "{why}"
        );
    }
}

#[test]
fn what_nobody_of_us_wrote_is_shown_and_never_taken_for_a_record_of_that_place() {
    let letter = letter(record(&[("ce_type", TYPE)], JSON));
    let Content::Bytes { bytes, why } = letter.content else {
        panic!("{:?}", letter.content);
    };
    assert_eq!(bytes, JSON.as_bytes());
    assert!(why.contains("which record it was"), "{why}");
}
