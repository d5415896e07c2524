//! Dead letters in a real topic.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

mod support;

use std::time::Duration;

use kafka_log::record::Record;
use kafka_log::{Burial, Connection, DeadLetterTopic, Lost};
use purchase::event::Reason;
use purchase::{PortError, Timestamp};
use testkit::sample::NOON_MS;
use testkit::services;

fn topic_of(name: &str) -> DeadLetterTopic {
    DeadLetterTopic::new(&Connection::plaintext(services::kafka()), name).unwrap()
}

fn record() -> Record {
    Record {
        topic: "purchases".into(),
        partition: 2,
        offset: 41,
        recorded_at: Timestamp::from_millis(NOON_MS).unwrap(),
        key: Some(b"\xff\x00ada".to_vec()),
        headers: vec![
            ("ce_id".to_owned(), Some(b"1".to_vec())),
            ("null".to_owned(), None),
            ("empty".to_owned(), Some(Vec::new())),
            ("bytes".to_owned(), Some(vec![0, 0xff])),
        ],
        value: Some(b"no \xfe purchase".to_vec()),
    }
}

async fn bury(letters: &DeadLetterTopic, record: &Record) -> Result<(), PortError> {
    let died_at = Timestamp::from_millis(NOON_MS + 1_500).unwrap();
    letters
        .bury(
            record,
            Reason::Invalid,
            "price “0”\r\nis not positive",
            died_at,
        )
        .await
}

/// The headers that burial adds, a line each.
fn origin(letter: &Record) -> String {
    let added = letter
        .headers
        .iter()
        .filter(|(name, _)| name.starts_with("dl_"));
    added
        .map(|(name, value)| {
            format!(
                "{name}: {}\n",
                str::from_utf8(value.as_ref().unwrap()).unwrap()
            )
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_keeps_key_headers_and_bytes_and_says_where_it_came_from() {
    let name = support::topic(1).await;
    let letters = topic_of(&name);
    let record = record();
    bury(&letters, &record).await.unwrap();
    letters.close(testkit::PATIENCE).await;
    let letter = support::read_all(&name).await.pop().unwrap();
    assert_eq!(letter.key, record.key);
    assert_eq!(letter.value, record.value);
    assert_eq!(letter.headers[..4], record.headers);
    let burial = Burial {
        record,
        reason: Reason::Invalid,
        detail: "price \\u{201c}0\\u{201d}\\r\\nis not positive".to_owned(),
        died_at: Timestamp::from_millis(NOON_MS + 1_500).unwrap(),
        lost: None,
    };
    assert_eq!(Burial::read(&letter), Some(burial));
    insta::assert_snapshot!(origin(&letter), @r"
    dl_reason: invalid
    dl_detail: price \u{201c}0\u{201d}\r\nis not positive
    dl_topic: purchases
    dl_partition: 2
    dl_offset: 41
    dl_recorded_at: 2026-01-31T12:00:00.000Z
    dl_died_at: 2026-01-31T12:00:01.500Z
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_without_key_and_value_is_buried_as_one() {
    let name = support::topic(1).await;
    let record = Record {
        key: None,
        value: None,
        ..record()
    };
    bury(&topic_of(&name), &record).await.unwrap();
    let letter = support::read_all(&name).await.pop().unwrap();
    assert_eq!(Burial::read(&letter).unwrap().record, record);
    assert_eq!((letter.key, letter.value), (None, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_of_any_size_that_the_topic_allows_is_kept_whole() {
    let name = support::topic_with(1, &[("max.message.bytes", "2097152")]).await;
    let record = Record {
        value: Some(vec![b'x'; 1_900_000]),
        ..record()
    };
    bury(&topic_of(&name), &record).await.unwrap();
    let letter = support::read_all(&name).await.pop().unwrap();
    assert_eq!(letter.value, record.value);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_that_is_too_large_keeps_its_headers_and_a_hash() {
    let name = support::topic_with(1, &[("max.message.bytes", "5000")]).await;
    let record = Record {
        value: Some(vec![b'x'; 20_000]),
        ..record()
    };
    bury(&topic_of(&name), &record).await.unwrap();
    let letter = support::read_all(&name).await.pop().unwrap();
    assert_eq!(letter.key, record.key);
    assert_eq!(letter.value.as_deref(), Some(&[][..]));
    assert_eq!(letter.headers[..4], record.headers);
    insta::assert_snapshot!(origin(&letter), @r"
    dl_reason: invalid
    dl_detail: price \u{201c}0\u{201d}\r\nis not positive
    dl_topic: purchases
    dl_partition: 2
    dl_offset: 41
    dl_recorded_at: 2026-01-31T12:00:00.000Z
    dl_died_at: 2026-01-31T12:00:01.500Z
    dl_sha256: 42e8bc96b8eec8c4e5d503483ba0cb843ce95243c8ca8575ffc69cd25d12c61c
    dl_bytes: 20000
    ");
    let burial = Burial::read(&letter).unwrap();
    let lost = Lost {
        sha256: "42e8bc96b8eec8c4e5d503483ba0cb843ce95243c8ca8575ffc69cd25d12c61c".to_owned(),
        bytes: 20_000,
    };
    assert_eq!(burial.lost, Some(lost));
    assert_eq!(burial.record.headers, record.headers);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_buried_twice_is_read_back_as_it_was_before_the_second_time() {
    let name = support::topic(1).await;
    let letters = topic_of(&name);
    bury(&letters, &record()).await.unwrap();
    let once = support::read_all(&name).await.pop().unwrap();
    bury(&letters, &once).await.unwrap();
    let twice = support::read_all(&name).await.pop().unwrap();
    let burial = Burial::read(&twice).unwrap();
    assert_eq!(burial.record, once);
    assert_eq!(Burial::read(&burial.record).unwrap().record, record());
}

#[test]
fn what_nobody_buried_is_no_burial() {
    assert_eq!(Burial::read(&record()), None);
    let mut forged = record();
    for (name, value) in [("dl_reason", "invalid"), ("dl_topic", "purchases")] {
        let value = Some(value.as_bytes().to_vec());
        forged.headers.push((name.to_owned(), value));
    }
    assert_eq!(Burial::read(&forged), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_whose_headers_are_too_large_still_says_where_it_came_from() {
    let name = support::topic_with(1, &[("max.message.bytes", "5000")]).await;
    let mut record = Record {
        key: Some(vec![b'k'; 6_000]),
        ..record()
    };
    record
        .headers
        .push(("long".to_owned(), Some(vec![b'h'; 6_000])));
    bury(&topic_of(&name), &record).await.unwrap();
    let letter = support::read_all(&name).await.pop().unwrap();
    assert_eq!(letter.key, None);
    assert_eq!(letter.value.as_deref(), Some(&[][..]));
    assert_eq!(letter.headers.len(), 9);
    assert!(origin(&letter).contains("dl_offset: 41\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_that_fits_in_no_way_is_an_error_that_stays() {
    let name = support::topic_with(1, &[("max.message.bytes", "100")]).await;
    let error = bury(&topic_of(&name), &record()).await.unwrap_err();
    assert!(matches!(error, PortError::Permanent(_)), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn burying_in_a_closed_topic_may_succeed_later() {
    let name = support::topic(1).await;
    let letters = topic_of(&name);
    letters.close(Duration::ZERO).await;
    let error = bury(&letters, &record()).await.unwrap_err();
    assert!(matches!(error, PortError::Transient(_)), "{error:?}");
}
