//! The topic of dead letters, for `redrive`: those that consumer buried, and those that a KafkaSource gave to a KafkaSink.

use std::io;
use std::time::Duration;

use async_trait::async_trait;
use cloudevents::{AttributesReader as _, Event};
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use kafka_log::record::{self, Record};
use kafka_log::{Burial, Connection, KafkaLog, LogOptions, TopicReader};
use mongo_store::MongoStore;
use purchase::event::{RAW_TYPE, Reason, http};
use purchase::{AppendError, PortError, Stamp, UserId};
use redrive::{Args, Content, DeadLetters, Letter, Log, Place, Redrive, Screen};
use redrive::{replayable, said_by_sink};
use serve::BoxError;

use crate::config::Config;

/// Of the events that are made of raw records, up to the `#`; what follows it, alone counts.
const SOURCE: &str = "/user-buy-list/redrive";

/// For what is on its way when it is over, which nobody waits for any more.
const CLOSE_MAX: Duration = Duration::from_secs(3);

/// Does what was asked for, on the same brokers, topics and store as the function itself.
pub async fn redrive(config: Config, args: Args) -> Result<(), BoxError> {
    let stop = serve::stop_signal();
    let store = MongoStore::connect(config.mongodb).await?;
    let log = KafkaLog::new(&config.kafka, &config.topic, LogOptions::default())?;
    let letters = Topic {
        connection: config.kafka,
        name: config.dead_letter_topic,
    };
    let redrive = Redrive {
        letters: &letters,
        log: &Appender(log.clone()),
        store: &store,
        now: (Stamp::system().now)(),
    };
    let screen = Screen {
        out: &mut io::stdout(),
        progress: &mut io::stderr(),
    };
    let done = redrive.run(args, stop, screen).await;
    log.close(CLOSE_MAX).await;
    Ok(done?)
}

struct Topic {
    connection: Connection,
    name: String,
}

impl DeadLetters for Topic {
    fn read(&self) -> BoxStream<'_, Result<Vec<Letter>, PortError>> {
        let reader = match TopicReader::start(&self.connection, &self.name) {
            Ok(reader) => reader,
            Err(error) => {
                let error = PortError::permanent(error);
                return stream::once(async { Err(error) }).boxed();
            }
        };
        let batches = stream::unfold(reader, |mut reader| async {
            let batch = reader.next().await?;
            Some((batch, reader))
        });
        let letters = |records: Vec<Record>| records.into_iter().map(letter).collect();
        batches.map(move |batch| batch.map(letters)).boxed()
    }

    fn name(&self, place: Place) -> String {
        format!("{}/{}/{}", self.name, place.partition, place.offset)
    }
}

struct Appender(KafkaLog);

#[async_trait]
impl Log for Appender {
    /// As consumer reads it, and as storer reads what a KafkaSource sends.
    fn delivered(&self, event: &Event) -> Event {
        let mut delivered = event.clone();
        http::through_headers(&mut delivered);
        delivered
    }

    async fn append(&self, userid: &UserId, event: &Event) -> Result<(), AppendError> {
        self.0.append_event(userid, event).await
    }
}

fn letter(record: Record) -> Letter {
    let place = Place {
        partition: record.partition,
        offset: record.offset,
    };
    match Burial::read(&record) {
        Some(burial) => buried(place, burial),
        None => kept_by_sink(place, record),
    }
}

/// By consumer.
fn buried(place: Place, burial: Burial) -> Letter {
    let Record {
        topic,
        partition,
        offset,
        ..
    } = &burial.record;
    let origin = format!("{topic}/{partition}/{offset}");
    let event = record::read(&burial.record, SOURCE);
    let content = match burial.lost {
        None => Content::Event(replayable(event)),
        Some(lost) => Content::Attributes {
            // What looks like a raw record may have lost the headers that made it an event.
            event: (event.ty() != RAW_TYPE).then_some(event),
            why: format!(
                "its {} bytes were too large for the dead letters; the record may still be in {origin} (SHA-256 {})",
                lost.bytes, lost.sha256
            ),
        },
    };
    Letter {
        place,
        reason: burial.reason,
        detail: burial.detail,
        died_at: burial.died_at,
        origin: Some(origin),
        key: burial.record.key.and_then(text),
        content,
    }
}

/// By a KafkaSink, as an event with what the KafkaSource knew of its death.
fn kept_by_sink(place: Place, record: Record) -> Letter {
    let event = record::read(&record, SOURCE);
    let died_at = record.recorded_at;
    let key = record.key.and_then(text);
    if *event.source() == format!("{SOURCE}#{}", record.topic) {
        return Letter {
            place,
            reason: Reason::Malformed,
            detail: "neither consumer nor a KafkaSink wrote this letter".to_owned(),
            died_at,
            origin: None,
            key,
            content: Content::Bytes {
                bytes: record.value.unwrap_or_default(),
                why: "it is no event and does not say which record it was, so nobody knows its id"
                    .to_owned(),
            },
        };
    }
    let said = said_by_sink(&event);
    Letter {
        place,
        reason: said.reason,
        detail: said.detail,
        died_at,
        origin: origin(&event),
        key,
        content: Content::Event(replayable(event)),
    }
}

/// Where the record was, as far as its event says.
fn origin(event: &Event) -> Option<String> {
    if event.ty() == RAW_TYPE {
        let (_, topic) = event.source().split_once('#')?;
        let (partition, offset) = event
            .id()
            .strip_prefix("partition:")?
            .split_once("/offset:")?;
        return Some(format!("{topic}/{partition}/{offset}"));
    }
    let partition = event.extension("knativekafkapartition")?;
    let offset = event.extension("knativekafkaoffset")?;
    Some(format!("partition {partition}, offset {offset}"))
}

fn text(bytes: Vec<u8>) -> Option<String> {
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests;
