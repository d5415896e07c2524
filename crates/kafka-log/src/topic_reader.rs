//! Reads what is in a topic at this moment, from its beginning to its end: without a group, and without a trace.
//!
//! A thread polls, because librdkafka's calls block. Memory is bounded by two batches and what librdkafka prefetches.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use purchase::PortError;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::{Offset, TopicPartitionList};
use tokio::sync::mpsc;

use crate::connection::{Connection, log_line};
use crate::error::{KafkaLogError, ProbeError};
use crate::record::Record;
use crate::subscription::message;

/// One record more than these may be in a batch.
const BATCH_MAX: usize = 500;
const BATCH_BYTES_MAX: usize = 4 << 20;

/// For each question to the brokers.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// Without a record for so long, the rest of the topic is not to be had.
const SILENCE_MAX: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(100);

/// librdkafka wants one before it fetches anything; nothing is committed, so no broker ever keeps it.
const GROUP: &str = "user-buy-list-reader";

/// The records of a topic, in batches. Dropping it ends the reading.
#[derive(Debug)]
pub struct TopicReader {
    batches: mpsc::Receiver<Result<Vec<Record>, PortError>>,
}

impl TopicReader {
    /// Starts to read, up to where the topic ends now.
    ///
    /// # Errors
    /// When no consumer can be made, or the system has no threads left.
    pub fn start(connection: &Connection, topic: &str) -> Result<Self, KafkaLogError> {
        let consumer = consumer(connection)?;
        let (sender, batches) = mpsc::channel(1);
        let topic = topic.into();
        thread::Builder::new()
            .name("kafka-read".to_owned())
            .spawn(move || {
                if let Err(error) = read(&consumer, &topic, &sender) {
                    // Nobody listens where the caller has left.
                    let _ = sender.blocking_send(Err(error.into()));
                }
            })
            .map_err(|error| KafkaError::ClientCreation(error.to_string()))?;
        Ok(Self { batches })
    }

    /// The next records, those of a partition in order; nothing at the end, and after an error.
    pub async fn next(&mut self) -> Option<Result<Vec<Record>, PortError>> {
        self.batches.recv().await
    }
}

fn consumer(connection: &Connection) -> Result<BaseConsumer<Log>, KafkaError> {
    let mut config = connection.client_config();
    config
        .set("group.id", GROUP)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "earliest")
        // Says that a partition has ended where its last offsets hold no records, as those of a transaction.
        .set("enable.partition.eof", "true")
        .set("fetch.wait.max.ms", "100")
        .set("fetch.error.backoff.ms", "200")
        .set("fetch.queue.backoff.ms", "5")
        .set("queued.max.messages.kbytes", "4096")
        .set("fetch.max.bytes", "4194304")
        .set("enable.metrics.push", "false");
    config.create_with_context(Log)
}

fn read(
    consumer: &BaseConsumer<Log>,
    topic: &Arc<str>,
    batches: &mpsc::Sender<Result<Vec<Record>, PortError>>,
) -> Result<(), ProbeError> {
    let mut ends = assign(consumer, topic)?;
    let mut batch = Vec::new();
    let mut bytes = 0;
    let mut heard = Instant::now();
    while !ends.is_empty() {
        match consumer.poll(POLL) {
            Some(Ok(message)) => {
                heard = Instant::now();
                let record = message::record(&message, topic);
                // What was written since is not part of it, nor of a partition that has ended.
                let Some(end) = ends.get(&record.partition).copied() else {
                    continue;
                };
                if record.offset + 1 >= end {
                    ends.remove(&record.partition);
                }
                if record.offset < end {
                    bytes += size(&record);
                    batch.push(record);
                }
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                heard = Instant::now();
                ends.remove(&partition);
            }
            Some(Err(error)) => stop_at(error)?,
            None if heard.elapsed() > SILENCE_MAX => return Err(ProbeError::Deadline(SILENCE_MAX)),
            None => {}
        }
        if batch.len() >= BATCH_MAX || bytes >= BATCH_BYTES_MAX || ends.is_empty() {
            bytes = 0;
            if batches
                .blocking_send(Ok(std::mem::take(&mut batch)))
                .is_err()
            {
                return Ok(());
            }
            // However long the caller took, it was not the brokers.
            heard = Instant::now();
        } else if batches.is_closed() {
            return Ok(());
        }
    }
    Ok(())
}

/// Takes all partitions that hold anything; gives the offset before which each of them ends.
fn assign(consumer: &BaseConsumer<Log>, topic: &str) -> Result<BTreeMap<i32, i64>, ProbeError> {
    let metadata = consumer.fetch_metadata(Some(topic), ANSWER_MAX)?;
    let found = metadata.topics().iter().find(|found| found.name() == topic);
    let found = found.ok_or(ProbeError::NoTopic)?;
    match found.error().map(Code::from) {
        None => {}
        Some(Code::UnknownTopicOrPartition) => return Err(ProbeError::NoTopic),
        Some(code) => return Err(ProbeError::Topic(code)),
    }
    let mut ends = BTreeMap::new();
    let mut list = TopicPartitionList::new();
    for partition in found.partitions() {
        let partition = partition.id();
        let (low, high) = consumer.fetch_watermarks(topic, partition, ANSWER_MAX)?;
        if low < high {
            list.add_partition_offset(topic, partition, Offset::Offset(low))?;
            ends.insert(partition, high);
        }
    }
    consumer.assign(&list)?;
    Ok(ends)
}

fn size(record: &Record) -> usize {
    let length = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, Vec::len);
    let headers = record.headers.iter();
    let headers: usize = headers
        .map(|(name, value)| name.len() + length(value))
        .sum();
    length(&record.key) + length(&record.value) + headers
}

/// librdkafka goes on trying by itself, unless somebody has to mend something.
fn stop_at(error: KafkaError) -> Result<(), ProbeError> {
    match error.rdkafka_error_code() {
        Some(Code::UnknownTopicOrPartition | Code::UnknownTopic) => Err(ProbeError::NoTopic),
        Some(code @ Code::TopicAuthorizationFailed) => Err(ProbeError::Topic(code)),
        _ => {
            tracing::debug!(%error, "the reader goes on after an error");
            Ok(())
        }
    }
}

/// What librdkafka has to say goes into the log.
struct Log;

impl ClientContext for Log {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log_line(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        // It comes as a line of the log too.
        tracing::debug!(target: "librdkafka", %error, "{reason}");
    }
}

impl ConsumerContext for Log {}
