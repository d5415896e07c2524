//! What librdkafka is told, and why.

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;

use super::SubscriptionOptions;
use crate::connection::Connection;

/// Prefetched by librdkafka, beside the [`super::buffer`]; one fetch may overshoot it by [`FETCH_BYTES_MAX`], and a broker
/// sends at least one batch of records, however large its topic allows that to be.
const PREFETCHED_KILOBYTES_MAX: &str = "4096";

/// Per answer of a broker.
const FETCH_BYTES_MAX: &str = "4194304";

/// Per partition and answer. A larger batch of records is fetched all the same.
const PARTITION_BYTES_MAX: &str = "1048576";

pub(super) fn consumer_config(
    connection: &Connection,
    options: &SubscriptionOptions,
) -> ClientConfig {
    let mut config = connection.client_config();
    config
        .set("group.id", &options.group)
        // Positions are ours: `delivery::Positions` says when one may be committed.
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "earliest")
        // Eager: whoever rebalances gives everything back, commits, and starts from what was committed. The cooperative
        // protocol saves the others a pause of less than a second, and its history in librdkafka is one of stalls and lost
        // assignments, the last of them mended in the very version that is linked here.
        .set("partition.assignment.strategy", "range,roundrobin")
        .set("session.timeout.ms", millis(options.session_timeout))
        // A rebalance is noticed by the answer to a heartbeat.
        .set(
            "heartbeat.interval.ms",
            millis(options.session_timeout / 10),
        )
        .set("max.poll.interval.ms", millis(options.poll_interval_max))
        // When the coordinator is away, it is looked for ten times as often.
        .set("coordinator.query.interval.ms", "10000")
        // A broker answers as soon as it has anything; the wait is for when it has nothing, and holds up partitions that
        // were assigned or resumed in the meantime.
        .set("fetch.min.bytes", "1")
        .set("fetch.wait.max.ms", "100")
        .set("fetch.error.backoff.ms", "200")
        .set("queued.min.messages", "1000")
        .set("queued.max.messages.kbytes", PREFETCHED_KILOBYTES_MAX)
        // By default the next fetch waits a whole second once the prefetched records are many enough.
        .set("fetch.queue.backoff.ms", "5")
        .set("fetch.max.bytes", FETCH_BYTES_MAX)
        .set("max.partition.fetch.bytes", PARTITION_BYTES_MAX)
        // So that a topic that is made later is found within seconds.
        .set("topic.metadata.refresh.interval.ms", "3000")
        .set("topic.metadata.propagation.max.ms", "3000")
        .set("enable.partition.eof", "false")
        .set("enable.metrics.push", "false")
        // A few lines each time that metadata come, for `topic_id`, which hears nothing otherwise. Not `topic`: some lines of
        // that kind are written while the lock of the very queue is held that lines go to, and then nothing moves any more.
        .set("debug", "metadata")
        .set_log_level(RDKafkaLogLevel::Debug);
    config
}

fn millis(duration: std::time::Duration) -> String {
    duration.as_millis().to_string()
}
