//! A topic of its own for each test, and what is in it, without the adapter that is tested.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use kafka_log::record::Record;
use purchase::Timestamp;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Header, Headers, Message, OwnedHeaders, Timestamp as KafkaTimestamp};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use testkit::{PATIENCE, sample, services};

/// A new topic with this many partitions and the broker's settings.
pub(crate) async fn topic(partitions: i32) -> String {
    topic_with(partitions, &[]).await
}

/// A new topic with settings of its own.
pub(crate) async fn topic_with(partitions: i32, settings: &[(&str, &str)]) -> String {
    let name = unused_topic();
    create(&name, partitions, settings).await;
    name
}

/// A name that no topic has.
pub(crate) fn unused_topic() -> String {
    format!("test-{}", sample::purchase("x").id)
}

/// Makes a topic that is not there.
pub(crate) async fn create(name: &str, partitions: i32, settings: &[(&str, &str)]) {
    let mut topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
    for (key, value) in settings {
        topic = topic.set(key, value);
    }
    let admin: AdminClient<DefaultClientContext> = config().create().unwrap();
    let options = AdminOptions::new()
        .operation_timeout(Some(PATIENCE))
        .request_timeout(Some(PATIENCE));
    let made = admin.create_topics([&topic], &options).await.unwrap();
    made.into_iter().next().unwrap().unwrap();
}

/// Writes a record as anybody could; gives its offset.
pub(crate) async fn produce_raw(
    topic: &str,
    partition: i32,
    key: Option<&[u8]>,
    headers: &[(&str, Option<&[u8]>)],
    value: Option<&[u8]>,
) -> i64 {
    let producer: FutureProducer = config()
        .set("message.max.bytes", "2000000")
        .create()
        .unwrap();
    let headers = headers
        .iter()
        .fold(OwnedHeaders::new(), |all, (key, value)| {
            all.insert(Header { key, value: *value })
        });
    let record = FutureRecord {
        topic,
        partition: Some(partition),
        payload: value,
        key,
        timestamp: None,
        headers: Some(headers),
    };
    producer.send(record, PATIENCE).await.unwrap().offset
}

/// Every record of a topic, partition by partition.
pub(crate) async fn read_all(topic: &str) -> Vec<Record> {
    let topic = topic.to_owned();
    tokio::task::spawn_blocking(move || read_all_blocking(&topic))
        .await
        .unwrap()
}

fn read_all_blocking(topic: &str) -> Vec<Record> {
    let consumer: BaseConsumer = config()
        .set("group.id", "nobody")
        .set("enable.auto.commit", "false")
        .set("fetch.wait.max.ms", "10")
        .create()
        .unwrap();
    let metadata = consumer.fetch_metadata(Some(topic), PATIENCE).unwrap();
    let mut records = Vec::new();
    for partition in metadata.topics()[0].partitions() {
        let (low, high) = consumer
            .fetch_watermarks(topic, partition.id(), PATIENCE)
            .unwrap();
        if low == high {
            continue;
        }
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition.id(), Offset::Offset(low))
            .unwrap();
        consumer.assign(&list).unwrap();
        let started = Instant::now();
        let mut next = low;
        while next < high {
            assert!(
                started.elapsed() < PATIENCE,
                "{topic} cannot be read beyond {next} of {high}"
            );
            if let Some(message) = consumer.poll(Duration::from_millis(100)) {
                let record = record(&message.unwrap());
                next = record.offset + 1;
                records.push(record);
            }
        }
    }
    records
}

fn record(message: &impl Message) -> Record {
    let KafkaTimestamp::CreateTime(millis) = message.timestamp() else {
        panic!("a record without the time of its creation");
    };
    let headers = message.headers().into_iter().flat_map(Headers::iter);
    Record {
        topic: Arc::from(message.topic()),
        partition: message.partition(),
        offset: message.offset(),
        recorded_at: Timestamp::from_millis(millis).unwrap(),
        key: message.key().map(<[u8]>::to_vec),
        headers: headers
            .map(|header| (header.key.to_owned(), header.value.map(<[u8]>::to_vec)))
            .collect(),
        value: message.payload().map(<[u8]>::to_vec),
    }
}

fn config() -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", services::kafka())
        .set("enable.sparse.connections", "false");
    config
}
