//! Everything that is in a real topic at a moment.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

mod support;

use std::collections::BTreeMap;
use std::net::TcpListener;

use kafka_log::record::Record;
use kafka_log::{Connection, KafkaLog, LogOptions, TopicReader};
use purchase::{EventLog as _, PortError, PurchaseEvent};
use testkit::{sample, services};

fn reader(topic: &str) -> TopicReader {
    TopicReader::start(&Connection::plaintext(services::kafka()), topic).unwrap()
}

async fn read(mut reader: TopicReader) -> Vec<Record> {
    let mut records = Vec::new();
    while let Some(batch) = reader.next().await {
        records.extend(batch.unwrap());
    }
    records
}

async fn fill(topic: &str, number: usize) {
    let connection = Connection::plaintext(services::kafka());
    let log = KafkaLog::new(&connection, topic, LogOptions::default()).unwrap();
    let event = |n: usize| PurchaseEvent {
        purchase: sample::purchase(&format!("user-{n}")),
        traceparent: None,
    };
    let appends = (0..number).map(|n| log.append(event(n)));
    for appended in futures_util::future::join_all(appends).await {
        appended.unwrap();
    }
    log.close(testkit::PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_record_of_every_partition_is_read_once_and_as_it_is() {
    let topic = support::topic(3).await;
    fill(&topic, 3_000).await;
    let by_partition = |records: Vec<Record>| {
        let mut by_partition: BTreeMap<i32, Vec<Record>> = BTreeMap::new();
        for record in records {
            by_partition
                .entry(record.partition)
                .or_default()
                .push(record);
        }
        by_partition
    };
    let expected = by_partition(support::read_all(&topic).await);
    assert_eq!(expected.len(), 3);
    // As often as one likes: nothing is committed.
    for _ in 0..2 {
        assert!(by_partition(read(reader(&topic)).await) == expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_are_bounded_in_number_and_bytes() {
    let topic = support::topic_with(1, &[("max.message.bytes", "2097152")]).await;
    for _ in 0..9 {
        support::produce_raw(&topic, 0, None, &[], Some(&vec![b'x'; 1_500_000])).await;
    }
    let mut reader = reader(&topic);
    let mut sizes = Vec::new();
    while let Some(batch) = reader.next().await {
        sizes.push(batch.unwrap().len());
    }
    assert_eq!(sizes, [3, 3, 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_meanwhile_is_left_to_the_next_reader() {
    let topic = support::topic(1).await;
    fill(&topic, 2_000).await;
    let mut reader = reader(&topic);
    let mut records = reader.next().await.unwrap().unwrap();
    fill(&topic, 100).await;
    while let Some(batch) = reader.next().await {
        records.extend(batch.unwrap());
    }
    assert_eq!(records.len(), 2_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_topic_ends_at_once_and_one_that_is_not_there_is_an_error() {
    let topic = support::topic(2).await;
    assert!(read(reader(&topic)).await.is_empty());
    let mut missing = reader(&support::unused_topic());
    let error = missing.next().await.unwrap().unwrap_err();
    assert!(matches!(error, PortError::Permanent(_)), "{error:?}");
    assert_eq!(error.to_string(), "there is no such topic");
    assert!(missing.next().await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_away_is_an_error_that_may_pass() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = Connection::plaintext(listener.local_addr().unwrap().to_string());
    drop(listener);
    let mut reader = TopicReader::start(&nobody, "purchases").unwrap();
    let error = reader.next().await.unwrap().unwrap_err();
    assert!(matches!(error, PortError::Transient(_)), "{error:?}");
    assert!(error.to_string().contains("no broker answers"), "{error}");
}
