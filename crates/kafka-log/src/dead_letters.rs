//! The topic of dead letters: records that cannot be stored, as they were, until somebody mends or drops them.
//!
//! Invariant: `Ok` from a burial means that all in-sync replicas have it; only then may the record's position be committed.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use purchase::event::Reason;
use purchase::{PortError, Timestamp};
use rdkafka::message::{Header, OwnedHeaders};
use sha2::{Digest, Sha256};

use crate::burial;
use crate::connection::Connection;
use crate::error::{KafkaLogError, ProduceError};
use crate::producer::{Bounds, Message, Producer};
use crate::record::Record;

/// What is kept of a detail. One that quotes a long attribute must not make the letter too large.
const DETAIL_CHARS_MAX: usize = 500;
/// What is kept of the key when even the headers alone were too much.
const KEY_BYTES_MAX: usize = 1_024;

/// A topic that takes what cannot be stored. Clones share the connections.
///
/// A letter has the record's own key, headers and bytes, and these headers after them; of several with one name the last one
/// counts, because what is buried may have been buried before. `dl_reason`, `dl_detail`, `dl_topic`, `dl_partition`,
/// `dl_offset`, `dl_recorded_at` and `dl_died_at` (both RFC 3339). One that the topic refuses as too large is written without
/// its bytes, and has `dl_sha256` (hexadecimal) and `dl_bytes` of them instead. [`Burial`](crate::Burial) reads it back.
#[derive(Clone)]
pub struct DeadLetterTopic {
    producer: Producer,
    topic: Arc<str>,
}

/// How much of a record is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Extent {
    Whole,
    HeadersOnly,
    OriginOnly,
}

impl DeadLetterTopic {
    /// Starts to connect, and does not wait for it.
    pub fn new(connection: &Connection, topic: &str) -> Result<Self, KafkaLogError> {
        let bounds = Bounds {
            deadline: Duration::from_secs(10),
            queue_bytes_max: 32 << 20,
            queue_events_max: 100_000,
            // The topic's own limit decides.
            record_bytes_max: 16 << 20,
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

    /// Writes a record down as a dead letter. Repeating it writes another one.
    pub async fn bury(
        &self,
        record: &Record,
        reason: Reason,
        detail: &str,
        died_at: Timestamp,
    ) -> Result<(), PortError> {
        let origin = origin(record, reason, detail, died_at);
        let mut written = Err(ProduceError::Closed);
        for extent in [Extent::Whole, Extent::HeadersOnly, Extent::OriginOnly] {
            written = self.write(record, &origin, extent).await;
            if !written.as_ref().is_err_and(ProduceError::is_too_large) {
                break;
            }
            tracing::warn!(
                ?extent,
                topic = &*record.topic,
                partition = record.partition,
                offset = record.offset,
                "a dead letter is too large for its topic"
            );
        }
        Ok(written?)
    }

    /// Takes no more letters and waits until those that it took are settled, at most `within`.
    pub async fn close(&self, within: Duration) {
        let left = self.producer.close(within).await;
        if left > 0 {
            tracing::warn!(
                left,
                "the dead letters are closed with some that Kafka did not acknowledge"
            );
        }
    }

    async fn write(
        &self,
        record: &Record,
        origin: &[(&str, String)],
        extent: Extent,
    ) -> Result<(), ProduceError> {
        let mut headers = OwnedHeaders::new_with_capacity(record.headers.len() + origin.len() + 2);
        if extent < Extent::OriginOnly {
            for (key, value) in &record.headers {
                headers = headers.insert(Header {
                    key,
                    value: value.as_ref(),
                });
            }
        }
        for (key, value) in origin {
            headers = headers.insert(Header {
                key,
                value: Some(value),
            });
        }
        let mut key = record.key.as_deref();
        let mut value = record.value.as_deref();
        if extent > Extent::Whole {
            let whole = value.replace(&[]).unwrap_or_default();
            headers = headers
                .insert(Header {
                    key: burial::SHA256,
                    value: Some(&hex(&Sha256::digest(whole))),
                })
                .insert(Header {
                    key: burial::BYTES,
                    value: Some(&whole.len().to_string()),
                });
        }
        if extent == Extent::OriginOnly {
            key = key.filter(|key| key.len() <= KEY_BYTES_MAX);
        }
        let message = Message {
            topic: &self.topic,
            key,
            headers,
            value,
        };
        self.producer.send(message)?.settled().await
    }
}

fn origin(
    record: &Record,
    reason: Reason,
    detail: &str,
    died_at: Timestamp,
) -> [(&'static str, String); 7] {
    [
        (burial::REASON, reason.to_string()),
        (burial::DETAIL, printable(detail).into_owned()),
        (burial::TOPIC, record.topic.to_string()),
        (burial::PARTITION, record.partition.to_string()),
        (burial::OFFSET, record.offset.to_string()),
        (burial::RECORDED_AT, record.recorded_at.to_string()),
        (burial::DIED_AT, died_at.to_string()),
    ]
}

/// A detail may quote an attribute. In printable ASCII it survives whatever reads the letter, a KafkaSource included.
fn printable(detail: &str) -> Cow<'_, str> {
    if detail.len() <= DETAIL_CHARS_MAX && detail.bytes().all(|byte| (b' '..=b'~').contains(&byte))
    {
        return Cow::Borrowed(detail);
    }
    let escaped = detail.chars().flat_map(|c| {
        let kept = (' '..='~').contains(&c).then_some(c);
        let escaped = kept.is_none().then(|| c.escape_default());
        kept.into_iter().chain(escaped.into_iter().flatten())
    });
    Cow::Owned(escaped.take(DETAIL_CHARS_MAX).collect())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
