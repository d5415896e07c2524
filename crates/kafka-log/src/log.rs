//! The log: where buy puts purchases.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cloudevents::Event;
use purchase::{AppendError, EventLog, PortError, PurchaseEvent, UserId};
use rdkafka::message::{Header, OwnedHeaders};

use crate::connection::Connection;
use crate::error::{KafkaLogError, ProduceError};
use crate::producer::{Bounds, Message, Producer, Receipt};
use crate::record;

/// Sizes and deadlines.
#[derive(Debug, Clone, Copy)]
pub struct LogOptions {
    /// An append is answered by then, whatever the brokers do.
    pub deadline: Duration,
    /// Bytes that may wait for the brokers; over it, an append is refused at once.
    pub queue_bytes_max: usize,
    /// The same in events.
    pub queue_events_max: usize,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(10),
            queue_bytes_max: 32 << 20,
            queue_events_max: 100_000,
        }
    }
}

/// A topic that events are appended to. Clones share the connections.
#[derive(Clone)]
pub struct KafkaLog {
    producer: Producer,
    topic: Arc<str>,
}

impl KafkaLog {
    /// Starts to connect, and does not wait for it.
    pub fn new(
        connection: &Connection,
        topic: &str,
        options: LogOptions,
    ) -> Result<Self, KafkaLogError> {
        let bounds = Bounds {
            deadline: options.deadline,
            queue_bytes_max: options.queue_bytes_max,
            queue_events_max: options.queue_events_max,
            // The fields of a purchase are far smaller; a topic may allow less.
            record_bytes_max: 1_000_000,
        };
        let topic = topic.into();
        Ok(Self {
            producer: Producer::new(connection, bounds, &topic)?,
            topic,
        })
    }

    /// Fails when the topic could not be written to now. Answers within two seconds.
    pub async fn probe(&self) -> Result<(), PortError> {
        self.producer.probe(&self.topic).await
    }

    /// Takes no more events and waits until those that it took are settled, at most `within`.
    pub async fn close(&self, within: Duration) {
        let left = self.producer.close(within).await;
        if left > 0 {
            tracing::warn!(
                left,
                "the log is closed with events that Kafka did not acknowledge"
            );
        }
    }

    /// Appends an event as it is, whoever made it; everything else as with [`EventLog::append`].
    pub async fn append_event(&self, userid: &UserId, event: &Event) -> Result<(), AppendError> {
        let receipt = self.send(userid, event)?;
        Ok(receipt.settled().await?)
    }

    fn send(&self, userid: &UserId, event: &Event) -> Result<Receipt, ProduceError> {
        let headers = record::headers(event).fold(
            OwnedHeaders::new_with_capacity(8),
            |headers, (name, value)| {
                headers.insert(Header {
                    key: &name,
                    value: Some(value.as_bytes()),
                })
            },
        );
        self.producer.send(Message {
            topic: &self.topic,
            key: Some(userid.as_str().as_bytes()),
            headers,
            value: Some(&record::data(event)),
        })
    }
}

#[async_trait]
impl EventLog for KafkaLog {
    async fn append(&self, event: PurchaseEvent) -> Result<(), AppendError> {
        self.append_event(&event.purchase.userid, &event.to_cloudevent())
            .await
    }
}
