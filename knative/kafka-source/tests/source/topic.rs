//! A topic of a test's own, what it writes there, and what the group has committed.

use futures_util::future::join_all;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{Offset, TopicPartitionList};
use testkit::{PATIENCE, sample, services};

/// A new topic. Its name is also that of the group that reads it.
pub(crate) struct Topic {
    pub(crate) name: String,
    producer: FutureProducer,
}

/// A record to be written.
#[derive(Clone)]
pub(crate) struct Record {
    partition: i32,
    key: Option<&'static str>,
    headers: Vec<(String, Option<Vec<u8>>)>,
    value: Option<Vec<u8>>,
}

/// The time of every record that a test writes, in milliseconds, and as CloudEvents write it.
pub(crate) const RECORDED_AT: (i64, &str) = (1_700_000_000_100, "2023-11-14T22:13:20.1Z");

impl Topic {
    /// The name of a topic that is not there.
    pub(crate) fn missing() -> Self {
        Self {
            name: format!("source-{}", sample::purchase("x").id),
            producer: config().create().unwrap(),
        }
    }

    pub(crate) async fn new(partitions: i32) -> Self {
        let Self { name, producer } = Self::missing();
        let admin: AdminClient<DefaultClientContext> = config().create().unwrap();
        // The records are old, and would be deleted within minutes.
        let topic =
            NewTopic::new(&name, partitions, TopicReplication::Fixed(1)).set("retention.ms", "-1");
        let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
        let made = admin.create_topics([&topic], &options).await.unwrap();
        made.into_iter().next().unwrap().unwrap();
        Self { name, producer }
    }

    /// Writes them in this order.
    pub(crate) async fn write(&self, records: impl IntoIterator<Item = Record>) {
        let written: Vec<_> = records
            .into_iter()
            .map(|record| {
                let headers =
                    record
                        .headers
                        .iter()
                        .fold(OwnedHeaders::new(), |all, (key, value)| {
                            let value = value.as_deref();
                            all.insert(Header { key, value })
                        });
                let record = FutureRecord {
                    topic: &self.name,
                    partition: Some(record.partition),
                    payload: record.value.as_deref(),
                    key: record.key,
                    timestamp: Some(RECORDED_AT.0),
                    headers: Some(headers),
                };
                self.producer
                    .send_result(record)
                    .map_err(|(error, _)| error)
                    .unwrap()
            })
            .collect();
        for acknowledged in join_all(written).await {
            acknowledged.unwrap().map_err(|(error, _)| error).unwrap();
        }
    }

    /// The position that the group has committed in partition 0.
    pub(crate) async fn committed(&self) -> Option<i64> {
        let name = self.name.clone();
        let ask = move || {
            let member: BaseConsumer = config().set("group.id", &name).create().unwrap();
            let mut list = TopicPartitionList::new();
            list.add_partition(&name, 0);
            let committed = member.committed_offsets(list, PATIENCE).unwrap();
            match committed.find_partition(&name, 0).unwrap().offset() {
                Offset::Offset(offset) => Some(offset),
                _ => None,
            }
        };
        tokio::task::spawn_blocking(ask).await.unwrap()
    }
}

/// A CloudEvent in binary mode.
pub(crate) fn event(id: impl Into<String>) -> Record {
    raw("{\"n\":1}")
        .header("ce_specversion", "1.0")
        .header("ce_id", id.into())
        .header("ce_source", "/shop/till")
        .header("ce_type", "shop.sold")
        .header("content-type", "application/json")
}

/// A record that is no CloudEvent.
pub(crate) fn raw(value: &str) -> Record {
    Record {
        partition: 0,
        key: None,
        headers: Vec::new(),
        value: Some(value.as_bytes().to_vec()),
    }
}

impl Record {
    pub(crate) fn header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.to_owned(), Some(value.into())));
        self
    }

    pub(crate) fn null_header(mut self, name: &str) -> Self {
        self.headers.push((name.to_owned(), None));
        self
    }

    pub(crate) fn key(self, key: &'static str) -> Self {
        Self {
            key: Some(key),
            ..self
        }
    }

    pub(crate) fn partition(self, partition: i32) -> Self {
        Self { partition, ..self }
    }

    pub(crate) fn value(self, value: Option<&[u8]>) -> Self {
        let value = value.map(<[u8]>::to_vec);
        Self { value, ..self }
    }
}

fn config() -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", services::kafka())
        .set("enable.sparse.connections", "false");
    config
}
