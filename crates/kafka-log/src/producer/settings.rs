//! How librdkafka is set to produce for a server that answers within seconds.

use std::time::Duration;

use rdkafka::ClientConfig;

use crate::connection::Connection;

/// Messages in one request, in bytes. A broker compares the whole batch with the topic's `max.message.bytes` (128 KiB for
/// purchases), so a larger batch of small records would be refused as one that is too large.
const BATCH_BYTES_MAX: &str = "100000";

/// Sizes and deadlines of a producer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) deadline: Duration,
    pub(crate) queue_bytes_max: usize,
    pub(crate) queue_events_max: usize,
    pub(crate) record_bytes_max: usize,
}

/// What a producer has beyond the connection.
pub(super) fn config(connection: &Connection, bounds: Bounds) -> ClientConfig {
    // Before the caller's deadline, so that the caller hears what librdkafka knows.
    let message_timeout = bounds.deadline * 9 / 10;
    let mut config = connection.client_config();
    config
        .set("acks", "all")
        .set("enable.idempotence", "false")
        // Batches form by themselves while a request is in flight, and order is kept.
        .set("max.in.flight.requests.per.connection", "1")
        .set("linger.ms", "0")
        .set("batch.size", BATCH_BYTES_MAX)
        .set("message.max.bytes", bounds.record_bytes_max.to_string())
        .set(
            "message.timeout.ms",
            message_timeout.as_millis().to_string(),
        )
        .set("retry.backoff.ms", "50")
        .set(
            "queue.buffering.max.kbytes",
            bounds.queue_bytes_max.div_ceil(1024).to_string(),
        )
        .set(
            "queue.buffering.max.messages",
            bounds.queue_events_max.to_string(),
        )
        // What Java and Node clients do: all of a user's records are in one partition, whoever wrote them.
        .set("partitioner", "murmur2_random")
        // A topic that is not there is looked for this long, and then known to be missing.
        .set("topic.metadata.propagation.max.ms", "2000")
        // One that comes back just after that is seen and still taken for missing until librdkafka asks again, which it
        // does every five minutes if it is not told otherwise.
        .set("topic.metadata.refresh.interval.ms", "5000")
        .set("metadata.max.age.ms", "900000");
    config
}
