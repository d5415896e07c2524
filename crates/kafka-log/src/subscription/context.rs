//! What librdkafka calls while it is polled: rebalances, errors, log lines. All of it runs on the polling thread.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
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

/// How long positions of a topic that is gone may stay unnoticed.
const STALE_MAX: Duration = Duration::from_secs(600);

/// What librdkafka tells, for one consumer.
#[derive(Debug)]
pub(super) struct Context {
    shared: Arc<Shared>,
    /// The consumer is on its way out and speaks for nobody any more.
    retired: AtomicBool,
    /// The first partitions are read from their beginning if they come before this, whatever positions are kept: they are of
    /// another topic. Later somebody else has set them right.
    from_beginning: Mutex<Option<Instant>>,
}

impl Context {
    pub(super) fn new(shared: Arc<Shared>, from_beginning: bool) -> Self {
        Self {
            shared,
            retired: AtomicBool::new(false),
            from_beginning: Mutex::new(from_beginning.then(|| Instant::now() + STALE_MAX)),
        }
    }

    /// From now on nothing that happens to this consumer changes anything.
    pub(super) fn retire(&self) {
        self.retired.store(true, Ordering::Relaxed);
    }

    fn is_retired(&self) -> bool {
        self.retired.load(Ordering::Relaxed)
    }

    fn begins_at_beginning(&self) -> bool {
        let mut until = self
            .from_beginning
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        until.take().is_some_and(|until| Instant::now() < until)
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
        let from_beginning = !partitions.is_empty() && self.begins_at_beginning();
        tracing::info!(?partitions, from_beginning, "partitions are assigned");
        self.shared.clear_fault(!partitions.is_empty());
        self.shared.assign(&partitions);
        if !commit::begin(consumer, &self.shared, list) {
            self.shared.set_unpositioned();
        }
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

    /// Each error is said once, until another one comes or it is over. It is librdkafka that goes on trying.
    fn error(&self, error: KafkaError, reason: &str) {
        let code = error.rdkafka_error_code();
        if is_passing(code) || self.is_retired() {
            tracing::debug!(%error, reason, "the consumer goes on after an error");
        } else if self.shared.set_fault(error.to_string(), is_of_topic(code)) {
            tracing::warn!(%error, reason, "no records come until this is over");
        }
    }
}

/// Said of single brokers, over and over, while others may do; when all are away, that is said too.
fn is_passing(code: Option<Code>) -> bool {
    matches!(
        code,
        Some(Code::BrokerTransportFailure | Code::Resolve | Code::OperationTimedOut)
    )
}

/// Brokers that answer do not mend it.
fn is_of_topic(code: Option<Code>) -> bool {
    matches!(
        code,
        Some(
            Code::TopicAuthorizationFailed
                | Code::UnknownPartition
                | Code::UnknownTopic
                | Code::UnknownTopicOrPartition
        )
    )
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

pub(super) fn partitions_of(list: &TopicPartitionList) -> Vec<i32> {
    let elements = list.elements();
    elements
        .iter()
        .map(TopicPartitionListElem::partition)
        .collect()
}
