//! A message of librdkafka as a record of ours.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use purchase::Timestamp;
use rdkafka::Timestamp as MessageTime;
use rdkafka::message::{BorrowedHeaders, BorrowedMessage, Headers, Message};

use crate::record::Record;

pub(crate) fn record(message: &BorrowedMessage<'_>, topic: &Arc<str>) -> Record {
    let own = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
    Record {
        topic: Arc::clone(topic),
        partition: message.partition(),
        offset: message.offset(),
        recorded_at: recorded_at(message.timestamp()),
        key: own(message.key()),
        headers: message.headers().map(headers).unwrap_or_default(),
        value: own(message.payload()),
    }
}

/// A record without a time has −1 in Kafka, which others take for the last millisecond of 1969; so the identity that is made
/// of it is the same everywhere. What has no text as a date is taken for 1970.
fn recorded_at(time: MessageTime) -> Timestamp {
    let millis = match time {
        MessageTime::CreateTime(millis) | MessageTime::LogAppendTime(millis) => millis,
        MessageTime::NotAvailable => -1,
    };
    Timestamp::from_millis(millis).unwrap_or(Timestamp::EPOCH)
}

/// A header whose name is not UTF-8 is left out: the binding panics when it is asked for it, and one such record must not end
/// the reading of a topic.
fn headers(headers: &BorrowedHeaders) -> Vec<(String, Option<Vec<u8>>)> {
    let read = |index| {
        catch_unwind(AssertUnwindSafe(|| {
            let header = headers.try_get(index)?;
            Some((header.key.to_owned(), header.value.map(<[u8]>::to_vec)))
        }))
        .ok()
        .flatten()
    };
    (0..headers.count()).filter_map(read).collect()
}
