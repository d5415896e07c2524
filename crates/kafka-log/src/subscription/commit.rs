//! Positions on their way to the brokers.
//!
//! Before each commit the brokers are asked what they keep. The answer tells whether the commit before was kept, which the
//! binding never reports (rust-rdkafka #856). And it is a second sign, besides [`super::topic_id`], that the topic was deleted:
//! the positions of its groups go with it. The sign comes too late when the topic was made anew between question and commit.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};

use super::context::{Context, partitions_of};
use super::shared::Shared;

/// How long a coordinator may take to say what it keeps. The polling thread waits for it.
const ASK_MAX: Duration = Duration::from_secs(1);

/// How long an assignment waits for the coordinator to say where reading begins.
const BEGIN_MAX: Duration = Duration::from_secs(10);

/// The topic was deleted, and perhaps made anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TopicGone;

/// Sends what may be committed, and does not wait for an answer: the next time it shows what the brokers keep.
pub(super) fn commit_soon(
    consumer: &BaseConsumer<Context>,
    shared: &Shared,
) -> Result<(), TopicGone> {
    let partitions = shared.assigned();
    if partitions.is_empty() {
        return Ok(());
    }
    match ask(consumer, shared, &partitions) {
        Ok(kept) if kept.len() < partitions.len() => return Err(TopicGone),
        Ok(_) => {}
        Err(error) => {
            tracing::debug!(%error, "the coordinator does not say which positions it keeps");
            return Ok(());
        }
    }
    shared.clear_fault(false);
    commit(consumer, shared, &partitions, CommitMode::Async);
    Ok(())
}

/// Commits what may be committed of these partitions and waits until that is done.
pub(super) fn commit_now(consumer: &BaseConsumer<Context>, shared: &Shared, partitions: &[i32]) {
    if shared.is_made_anew() {
        return;
    }
    match ask(consumer, shared, partitions) {
        Ok(kept) => commit(consumer, shared, &kept, CommitMode::Sync),
        Err(error) => {
            tracing::warn!(%error, "positions were not committed: what is done is delivered again");
        }
    }
}

/// Takes back what was committed for a topic that is gone: whoever starts at it would skip records of the new one. A position
/// before the first record means the first record.
pub(super) fn reset(consumer: &BaseConsumer<Context>, shared: &Shared, partitions: &[i32]) {
    send(
        consumer,
        shared,
        partitions.iter().map(|&partition| (partition, 0)),
        CommitMode::Async,
    );
}

/// Writes into the list where reading begins: at the positions that the brokers keep, or at the first record. Left to itself,
/// librdkafka asks for them after the assignment, and when the coordinator refuses at that moment, because it has moved for
/// instance, it never asks again. Answers false when the coordinator does not say.
pub(super) fn begin(
    consumer: &BaseConsumer<Context>,
    shared: &Shared,
    list: &mut TopicPartitionList,
) -> bool {
    let partitions = partitions_of(list);
    let deadline = Instant::now() + BEGIN_MAX;
    while let Err(error) = ask(consumer, shared, &partitions) {
        tracing::debug!(%error, "the coordinator does not say which positions it keeps");
        if Instant::now() >= deadline || shared.stopping().is_some() {
            return false;
        }
        shared.await_progress();
    }
    partitions.into_iter().all(|partition| {
        let kept = shared.positions(|positions| positions.kept_of(partition));
        let begin = kept.map_or(Offset::Beginning, Offset::Offset);
        list.set_partition_offset(shared.topic(), partition, begin)
            .is_ok()
    })
}

/// Those of the partitions whose positions the brokers did not lose.
fn ask(
    consumer: &BaseConsumer<Context>,
    shared: &Shared,
    partitions: &[i32],
) -> Result<Vec<i32>, KafkaError> {
    if partitions.is_empty() {
        return Ok(Vec::new());
    }
    let mut list = TopicPartitionList::new();
    for partition in partitions {
        list.add_partition(shared.topic(), *partition);
    }
    let list = consumer.committed_offsets(list, ASK_MAX)?;
    let mut kept = Vec::new();
    for element in list.elements() {
        element.error()?;
        let (partition, position) = (element.partition(), position(element.offset()));
        if shared.positions(|positions| positions.kept(partition, position)) {
            kept.push(partition);
        }
    }
    Ok(kept)
}

fn position(offset: Offset) -> Option<i64> {
    match offset {
        Offset::Offset(position) => Some(position),
        Offset::Beginning
        | Offset::End
        | Offset::Stored
        | Offset::Invalid
        | Offset::OffsetTail(_) => None,
    }
}

fn commit(consumer: &BaseConsumer<Context>, shared: &Shared, partitions: &[i32], mode: CommitMode) {
    let committable = shared.positions(|positions| positions.committable());
    let committable = committable
        .into_iter()
        .filter(|(partition, _)| partitions.contains(partition));
    send(consumer, shared, committable, mode);
}

fn send(
    consumer: &BaseConsumer<Context>,
    shared: &Shared,
    committed: impl Iterator<Item = (i32, i64)>,
    mode: CommitMode,
) {
    let mut list = TopicPartitionList::new();
    for (partition, position) in committed {
        let position = Offset::Offset(position);
        if let Err(error) = list.add_partition_offset(shared.topic(), partition, position) {
            tracing::warn!(%error, partition, "not a position");
        }
    }
    if list.count() > 0
        && let Err(error) = consumer.commit(&list, mode)
    {
        tracing::warn!(%error, "positions were not committed");
    }
}
