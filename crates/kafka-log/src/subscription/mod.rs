//! Reading a topic as a member of a group: records are handed out, done in any order, and a position is committed only when
//! everything before it is done.
//!
//! A thread of its own polls for ever ([`poller`]), so that the member stays in its group however long nobody takes records;
//! when the [`buffer`] stays full it pauses fetching. [`Positions`](delivery::Positions) decide what may be committed. A
//! rebalance takes back the partitions after a short wait for what is in flight, commits, and drops what was not handed out
//! yet.
//!
//! Invariant: no record is skipped. Whatever is unsure is delivered again, at the latest to the next member: a commit that
//! failed, a record in flight when its partition was taken away, a topic that was made anew under the same name.
//!
//! Memory is bounded by [`SubscriptionOptions::buffer_max`] and `buffer_bytes_max`, one record, what librdkafka prefetches
//! (4 MiB, and one answer of each broker: 4 MiB, or the largest batch of records that the topic allows), and the records that
//! the caller has in flight.

mod buffer;
mod commit;
mod context;
pub(crate) mod message;
mod poller;
mod settings;
mod shared;
mod topic_id;

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use delivery::Batches;
use purchase::Timestamp;
use rdkafka::error::KafkaError;
use thiserror::Error;

use crate::connection::Connection;
use crate::error::KafkaLogError;
use crate::record::Record;
use poller::Poller;
use shared::{End, Shared};

/// Beyond what is in flight: how long the last commit and the farewell to the group may take.
const LEAVE_MAX: Duration = Duration::from_secs(3);

/// What to read, and how much of it at a time.
#[derive(Debug, Clone)]
pub struct SubscriptionOptions {
    pub topic: String,
    pub group: String,
    /// Records taken from the brokers and not yet handed out; one more may be held.
    pub buffer_max: usize,
    /// Their bytes, likewise.
    pub buffer_bytes_max: usize,
    /// How often positions are committed.
    pub commit_pause: Duration,
    /// Without a heartbeat for so long, as when the process is killed, a member's partitions go to the others. Brokers refuse
    /// less than 6 s by default.
    pub session_timeout: Duration,
    /// Without a round of the polling thread for so long, the member leaves its group; and a rebalance waits so long for a
    /// member that does not come. At least the session timeout.
    pub poll_interval_max: Duration,
}

impl SubscriptionOptions {
    /// With sizes and times for a caller that takes batches of up to 1,000.
    #[must_use]
    pub fn new(topic: impl Into<String>, group: impl Into<String>) -> Self {
        Self {
            topic: topic.into(),
            group: group.into(),
            buffer_max: 2_000,
            buffer_bytes_max: 8 << 20,
            commit_pause: Duration::from_secs(1),
            session_timeout: Duration::from_secs(10),
            poll_interval_max: Duration::from_secs(60),
        }
    }
}

/// A record, and where its position is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    pub record: Record,
    pub place: Place,
}

/// Where a record came from: its topic, partition and offset, and the assignment of the partition that it came with.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    topic: Arc<str>,
    partition: i32,
    offset: i64,
    assignment: u64,
}

/// A subscription cannot go on.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SubscriptionError {
    #[error("the consumer failed for good: {0}")]
    Fatal(String),
    #[error("the polling thread panicked")]
    Panicked,
}

/// What a subscription holds at this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionState {
    /// Assigned to this member, in ascending order.
    pub partitions: Vec<i32>,
    /// Records taken from the brokers and not yet handed out.
    pub buffered: usize,
    /// Records handed out and not yet done.
    pub in_flight: usize,
    /// Nothing is fetched until there is room.
    pub paused: bool,
    /// When the record that holds up a position longest came into the log.
    pub oldest: Option<Timestamp>,
    /// What keeps records from coming, for people: no brokers, no such topic, no permission.
    pub fault: Option<String>,
}

/// A member of a group that reads a topic. Clones share it; the last one that goes takes the member along, without waiting
/// for what is in flight.
#[derive(Debug, Clone)]
pub struct Subscription(Arc<Member>);

#[derive(Debug)]
struct Member {
    shared: Arc<Shared>,
}

impl Subscription {
    /// Starts the thread that polls. Brokers and topic may be away: they are looked for until they are there.
    ///
    /// # Errors
    /// When the options are no configuration of a consumer, or the system has no threads left.
    pub fn start(
        connection: &Connection,
        options: SubscriptionOptions,
    ) -> Result<Self, KafkaLogError> {
        let shared = Shared::new(&options);
        let config = settings::consumer_config(connection, &options);
        let poller = Poller::new(Arc::clone(&shared), config, options.commit_pause)?;
        // It ends soon after the last of the clones, and tells how through `shared`; nobody waits for more than that.
        thread::Builder::new()
            .name("kafka-poll".to_owned())
            .spawn(move || poller.run())
            .map_err(|error| KafkaError::ClientCreation(error.to_string()))?;
        Ok(Self(Arc::new(Member { shared })))
    }

    /// Waits for at least one record and gives at most `max`, those of a partition in order; empty only after [`Self::stop`]
    /// or a failure. Whoever stops waiting takes no record along.
    pub async fn next(&self, max: usize) -> Vec<Delivery> {
        self.0.shared.next(max).await
    }

    /// The effect of this record is durable. In any order: a position is committed only when everything before it, of this
    /// assignment and partition, is done. Of an assignment that was taken away it is ignored.
    pub fn done(&self, place: &Place) {
        self.0.shared.done(place);
    }

    /// How long ago the polling thread last went round. Up to 15 s are normal in a rebalance while the brokers are away.
    #[must_use]
    pub fn silent_for(&self) -> Duration {
        self.0.shared.silent_for()
    }

    #[must_use]
    pub fn state(&self) -> SubscriptionState {
        self.0.shared.state()
    }

    /// Resolves when it ended by itself; never after [`Self::stop`].
    pub async fn failed(&self) -> SubscriptionError {
        match self.0.shared.ended().await {
            End::Failed(error) => error,
            End::NotYet | End::Stopped => std::future::pending().await,
        }
    }

    /// Hands out no more records and waits until everything handed out is done, at most `within`; then commits and leaves the
    /// group, which may take 3 s more.
    pub async fn stop(&self, within: Duration) {
        self.0.shared.stop(Instant::now() + within);
        let ended = tokio::time::timeout(within + LEAVE_MAX, self.0.shared.ended()).await;
        if ended.is_err() {
            tracing::warn!(
                "the brokers do not answer: the group has to find out that this member left"
            );
        }
    }
}

impl Batches for Subscription {
    type Record = Delivery;

    async fn next(&self, max: usize) -> Vec<Delivery> {
        self.0.shared.next(max).await
    }

    fn done(&self, delivery: &Delivery) {
        self.0.shared.done(&delivery.place);
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.shared.stop(Instant::now());
    }
}
