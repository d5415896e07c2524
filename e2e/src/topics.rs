//! Topics and records, past our own code.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{Header, Headers as _, Message as _, OwnedHeaders, OwnedMessage};
use rdkafka::metadata::MetadataPartition;
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use testkit::PATIENCE;

fn config(brokers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers);
    config
}

/// Makes a topic with the limits of the deployments.
pub async fn create(brokers: &str, topic: &str, partitions: i32, bytes_max: u32) {
    let admin: AdminClient<DefaultClientContext> = config(brokers).create().unwrap();
    let bytes_max = bytes_max.to_string();
    // As many copies as there are brokers.
    let copies = i32::try_from(brokers.split(',').count()).unwrap();
    let topic = NewTopic::new(topic, partitions, TopicReplication::Fixed(copies))
        .set("max.message.bytes", &bytes_max)
        .set("retention.ms", "-1");
    let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
    for made in admin.create_topics([&topic], &options).await.unwrap() {
        made.unwrap();
    }
}

/// Takes a topic away.
pub async fn delete(brokers: &str, topic: &str) {
    let admin: AdminClient<DefaultClientContext> = config(brokers).create().unwrap();
    let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
    for deleted in admin.delete_topics(&[topic], &options).await.unwrap() {
        deleted.unwrap();
    }
}

/// What somebody writes into a topic by hand.
#[derive(Debug, Clone, Default)]
pub struct Raw {
    pub partition: Option<i32>,
    pub key: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    pub value: Option<Vec<u8>>,
    pub timestamp_ms: Option<i64>,
}

/// Writes records in their order.
pub async fn produce(brokers: &str, topic: &str, records: &[Raw]) {
    let producer: FutureProducer = config(brokers)
        .set("message.max.bytes", "4000000")
        .set("linger.ms", "5")
        // What a topic limits is a batch of records; one alone may be larger than this.
        .set("batch.size", "65536")
        .create()
        .unwrap();
    let mut sent = Vec::new();
    for raw in records {
        let headers = raw
            .headers
            .iter()
            .fold(OwnedHeaders::new(), |headers, (key, value)| {
                headers.insert(Header {
                    key,
                    value: value.as_deref(),
                })
            });
        let mut record: FutureRecord<'_, [u8], [u8]> = FutureRecord::to(topic).headers(headers);
        record.partition = raw.partition;
        record.key = raw.key.as_deref();
        record.payload = raw.value.as_deref();
        record.timestamp = raw.timestamp_ms;
        sent.push(
            producer
                .send_result(record)
                .map_err(|(error, _)| error)
                .unwrap(),
        );
    }
    for delivery in sent {
        delivery.await.unwrap().map_err(|(error, _)| error).unwrap();
    }
}

/// Everything that is in a topic now.
pub fn read_all(brokers: &str, topic: &str) -> Vec<OwnedMessage> {
    let consumer: BaseConsumer = config(brokers)
        .set("group.id", "nobody")
        .set("enable.auto.commit", "false")
        .create()
        .unwrap();
    let mut left = 0;
    let mut assignment = TopicPartitionList::new();
    for partition in partitions(&consumer, topic) {
        let (low, high) = consumer
            .fetch_watermarks(topic, partition, PATIENCE)
            .unwrap();
        left += high - low;
        assignment
            .add_partition_offset(topic, partition, Offset::Beginning)
            .unwrap();
    }
    consumer.assign(&assignment).unwrap();
    let mut records = Vec::new();
    while left > 0 {
        let record = consumer
            .poll(PATIENCE)
            .expect("the rest of a topic")
            .unwrap()
            .detach();
        left -= 1;
        records.push(record);
    }
    records
}

/// A header of a record as text.
pub fn header(record: &OwnedMessage, name: &str) -> Option<String> {
    let headers = record.headers()?;
    let header = headers.iter().find(|header| header.key == name)?;
    Some(String::from_utf8_lossy(header.value?).into_owned())
}

/// How far a group is in a partition: the next record that it would read after a restart, and the next one to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    pub committed: i64,
    pub end: i64,
}

/// The positions of a group by partition; without any, it begins with the first record.
pub fn positions(brokers: &str, group: &str, topic: &str) -> Vec<Position> {
    let consumer: BaseConsumer = config(brokers).set("group.id", group).create().unwrap();
    let mut wanted = TopicPartitionList::new();
    let partitions = partitions(&consumer, topic);
    for partition in &partitions {
        wanted.add_partition(topic, *partition);
    }
    let committed = consumer.committed_offsets(wanted, PATIENCE).unwrap();
    let position = |partition: &i32| {
        let (low, end) = consumer
            .fetch_watermarks(topic, *partition, PATIENCE)
            .unwrap();
        let committed = committed.find_partition(topic, *partition).unwrap();
        let committed = committed.offset().to_raw().filter(|offset| *offset >= 0);
        Position {
            committed: committed.unwrap_or(low),
            end,
        }
    };
    partitions.iter().map(position).collect()
}

/// How many members a group has; none while it shares out its partitions.
pub fn members(brokers: &str, group: &str) -> Option<usize> {
    let consumer: BaseConsumer = config(brokers).create().unwrap();
    let groups = consumer.fetch_group_list(Some(group), PATIENCE).unwrap();
    let group = groups.groups().first()?;
    (group.state() == "Stable").then(|| group.members().len())
}

/// In ascending order.
fn partitions(consumer: &BaseConsumer, topic: &str) -> Vec<i32> {
    let metadata = consumer
        .fetch_metadata(Some(topic), Duration::from_secs(10))
        .unwrap();
    let partitions = metadata.topics()[0].partitions();
    let mut partitions: Vec<_> = partitions.iter().map(MetadataPartition::id).collect();
    partitions.sort_unstable();
    partitions
}
