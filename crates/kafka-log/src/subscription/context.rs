//! What librdkafka calls while it is polled: rebalances, errors, log lines. All of it runs on the polling
//! thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::topic_partition_list::TopicPartitionListElem;
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{Offset, TopicPartitionList};

use super::shared::Shared;
use super::{commit, topic_id};
use crate::connection::log_line;

/// How long a rebalance waits for what is in flight, so that the next member is not given it again. The others wait as long,
/// and the brokers wait for the poll interval at most.
const REVOKE_DRAIN: Duration = Duration::from_secs(3);

/// What librdkafka tells, for one consumer.
#[derive(Debug)]
pub(super) struct Context {
    shared: Arc<Shared>,
    /// The consumer is on its way out and speaks for nobody any more.
    retired: AtomicBool,
    /// The first assignment begins with the first record, whatever positions are kept: they are of another topic.
    from_beginning: AtomicBool,
}

impl Context {
    pub(super) fn new(shared: Arc<Shared>, from_beginning: bool) -> Self {
        Self {
            shared,
            retired: AtomicBool::new(false),
            from_beginning: AtomicBool::new(from_beginning),
        }
    }

    /// From now on nothing that happens to this consumer changes anything.
    pub(super) fn retire(&self) {
        self.retired.store(true, Ordering::Relaxed);
    }

    fn is_retired(&self) -> bool {
        self.retired.load(Ordering::Relaxed)
    }

    fn revoke(&self, consumer: &BaseConsumer<Self>, list: &TopicPartitionList) {
        let partitions = partitions_of(list);
        self.shared.drop_buffered(&partitions);
        if consumer.assignment_lost() {
            tracing::warn!(
                ?partitions,
                "partitions were lost: what is in flight is delivered again"
            );
        } else {
            let deadline = Instant::now() + REVOKE_DRAIN;
            let stop = self.shared.stopping();
            let deadline = stop.map_or(deadline, |stop| stop.min(deadline));
            let in_flight = self.shared.drain(&partitions, deadline);
            tracing::info!(?partitions, in_flight, "partitions are given back");
            commit::commit_now(consumer, &self.shared, &partitions);
        }
        self.shared.positions(|positions| {
            for partition in partitions {
                positions.revoke(partition);
            }
        });
        // librdkafka keeps the mark when it gets the same partition again.
        if self.shared.is_paused() {
            match consumer.resume(list) {
                Ok(()) => self.shared.set_paused(false),
                Err(error) => tracing::warn!(%error, "revoked partitions could not be resumed"),
            }
        }
    }

    /// Partitions are this member's; the list says where it begins with them.
    fn begin(&self, consumer: &BaseConsumer<Self>, list: &mut TopicPartitionList) {
        let partitions = partitions_of(list);
        let from_beginning = self.from_beginning.swap(false, Ordering::Relaxed);
        tracing::info!(?partitions, from_beginning, "partitions are assigned");
        self.shared.clear_fault();
        self.shared.assign(&partitions);
        commit::begin(consumer, &self.shared, &partitions);
        if from_beginning {
            commit::reset(consumer, &self.shared, &partitions);
            if let Err(error) = list.set_all_offsets(Offset::Beginning) {
                tracing::warn!(%error, "the beginning is not an offset");
            }
        }
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        if let Some(id) = topic_id::announced(level, message)
            && !self.is_retired()
        {
            self.shared.set_topic_id(id);
        }
        if !matches!(level, RDKafkaLogLevel::Debug) {
            log_line(level, facility, message);
        }
    }

    /// Each error is said once, until another one comes or records do. It is librdkafka that goes on trying.
    fn error(&self, error: KafkaError, reason: &str) {
        let passing = matches!(
            error.rdkafka_error_code(),
            // Said of single brokers, over and over, while others may do; when all are away, that is said too.
            Some(Code::BrokerTransportFailure | Code::Resolve | Code::OperationTimedOut)
        );
        if passing || self.is_retired() {
            tracing::debug!(%error, reason, "the consumer goes on after an error");
        } else if self.shared.set_fault(error.to_string()) {
            tracing::warn!(%error, reason, "no records come until this is over");
        }
    }
}

impl ConsumerContext for Context {
    /// What librdkafka does by default in the eager protocol, with our bookkeeping around it.
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        event: RDKafkaRespErr,
        list: &mut TopicPartitionList,
    ) {
        let done = if event == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            if !self.is_retired() {
                self.begin(consumer, list);
            }
            consumer.assign(list)
        } else {
            if !self.is_retired() {
                self.revoke(consumer, list);
            }
            consumer.unassign()
        };
        if let Err(error) = done {
            tracing::warn!(%error, "a rebalance failed");
        }
    }
}

fn partitions_of(list: &TopicPartitionList) -> Vec<i32> {
    let elements = list.elements();
    elements
        .iter()
        .map(TopicPartitionListElem::partition)
        .collect()
}
