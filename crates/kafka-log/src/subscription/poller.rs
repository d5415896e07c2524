//! The thread that owns the consumer and polls it for ever, also while nobody takes records: so the group sees a member that
//! is alive, however long the store is away.

use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::BorrowedMessage;

use super::SubscriptionError;
use super::commit::{self, TopicGone};
use super::context::Context;
use super::message;
use super::shared::{End, Shared, Taken};

/// One poll at the longest. A record ends it at once.
const POLL: Duration = Duration::from_millis(100);

/// How long the buffer may stay full before fetching is paused: that throws away what was prefetched, so a caller that is
/// merely busy must not cause it.
const FULL_MAX: Duration = Duration::from_millis(500);

/// How long a consumer that is given up may take to leave the group before the next one begins.
const RETIRE_MAX: Duration = Duration::from_secs(3);

pub(super) struct Poller {
    shared: Arc<Shared>,
    config: ClientConfig,
    commit_pause: Duration,
    consumer: BaseConsumer<Context>,
    full_since: Option<Instant>,
    committed: Instant,
}

/// How the next round goes.
enum Round {
    GoOn,
    /// The consumer has a log in mind that is not there any more: another topic has its name, or it lost its end.
    Renew {
        from_beginning: bool,
        why: String,
    },
    Stop(Instant),
}

impl Poller {
    pub(super) fn new(
        shared: Arc<Shared>,
        config: ClientConfig,
        commit_pause: Duration,
    ) -> KafkaResult<Self> {
        let consumer = subscribe(&shared, &config, false)?;
        Ok(Self {
            shared,
            config,
            commit_pause,
            consumer,
            full_since: None,
            committed: Instant::now(),
        })
    }

    /// Polls until it shall stop or cannot go on. Whoever waits on `shared` learns how it ended, also after a panic.
    pub(super) fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        let _ending = Ending(Arc::clone(&shared));
        let end = match self.poll_until_stopped() {
            Ok(deadline) => {
                self.leave(deadline);
                End::Stopped
            }
            Err(error) => {
                tracing::error!(%error, "the subscription ended");
                shared.end(End::Failed(error.clone()));
                End::Failed(error)
            }
        };
        // Leaves the group, which may take a while when the brokers are away.
        self.consumer.context().retire();
        drop(self);
        shared.end(end);
    }

    fn poll_until_stopped(&mut self) -> Result<Instant, SubscriptionError> {
        loop {
            self.shared.beat();
            match self.round()? {
                Round::GoOn => {}
                Round::Renew {
                    from_beginning,
                    why,
                } => self.renew(from_beginning, &why)?,
                Round::Stop(deadline) => return Ok(deadline),
            }
        }
    }

    fn round(&mut self) -> Result<Round, SubscriptionError> {
        if let Some(deadline) = self.shared.stopping() {
            return Ok(Round::Stop(deadline));
        }
        if self.shared.is_made_anew() {
            return Ok(made_anew("the topic has another id"));
        }
        if self.shared.is_unpositioned() {
            return Ok(Round::Renew {
                from_beginning: false,
                why: "nobody says where the partitions begin".to_owned(),
            });
        }
        if self.committed.elapsed() >= self.commit_pause {
            let committed = commit::commit_soon(&self.consumer, &self.shared);
            self.committed = Instant::now();
            if committed == Err(TopicGone) {
                return Ok(made_anew("the brokers lost the positions"));
            }
        }
        if !self.make_room() {
            return Ok(Round::GoOn);
        }
        self.poll()
    }

    /// Pauses and resumes. Answers false when nothing shall be polled yet.
    fn make_room(&mut self) -> bool {
        if self.shared.is_paused() {
            if self.shared.is_half_empty() {
                tracing::info!("there is room again, so fetching goes on");
                self.set_paused(false);
            }
            return true;
        }
        if !self.shared.is_full() {
            self.full_since = None;
            return true;
        }
        let since = *self.full_since.get_or_insert_with(Instant::now);
        if since.elapsed() < FULL_MAX {
            self.shared.await_progress();
            return false;
        }
        self.full_since = None;
        tracing::info!("records wait and nobody takes them, so fetching is paused");
        self.set_paused(true);
        true
    }

    fn set_paused(&self, paused: bool) {
        let result = self.consumer.assignment().and_then(|assigned| {
            if paused {
                self.consumer.pause(&assigned)
            } else {
                self.consumer.resume(&assigned)
            }
        });
        match result {
            Ok(()) => self.shared.set_paused(paused),
            Err(error) => tracing::warn!(%error, paused, "fetching could not be paused or resumed"),
        }
    }

    fn poll(&self) -> Result<Round, SubscriptionError> {
        match self.consumer.poll(POLL) {
            // It may be the first record of the new topic, which a new consumer gets again.
            _ if self.shared.is_made_anew() => Ok(Round::GoOn),
            Some(Ok(message)) => Ok(self.take(&message)),
            Some(Err(KafkaError::MessageConsumptionFatal(code))) => {
                let fault = self.shared.state().fault;
                Err(SubscriptionError::Fatal(
                    fault.unwrap_or_else(|| code.to_string()),
                ))
            }
            // The context has said it, and librdkafka goes on trying.
            Some(Err(_)) | None => Ok(Round::GoOn),
        }
    }

    fn take(&self, message: &BorrowedMessage<'_>) -> Round {
        let record = message::record(message, self.shared.topic());
        let (partition, offset) = (record.partition, record.offset);
        match self.shared.take(record) {
            Taken::WentBack { expected } => {
                // The log lost its end, and what was written since has the offsets of what was lost: the positions that are
                // kept would skip it.
                return Round::Renew {
                    from_beginning: true,
                    why: format!("partition {partition} went back from {expected} to {offset}"),
                };
            }
            // However a partition got away from the pause, it shall not fill the memory.
            Taken::Yes if self.shared.is_paused() => self.set_paused(true),
            Taken::Yes | Taken::No => {}
        }
        Round::GoOn
    }

    /// Begins anew with another consumer: nothing of this one is committed, and none of its knowledge remains, such as the
    /// numbers of the topic's leaders, which begin again too.
    fn renew(&mut self, from_beginning: bool, why: &str) -> Result<(), SubscriptionError> {
        tracing::warn!(why, "reading begins anew, and records may come again");
        self.consumer.context().retire();
        self.shared.begin_anew(from_beginning);
        let next = subscribe(&self.shared, &self.config, from_beginning)
            .map_err(|error| SubscriptionError::Fatal(error.to_string()))?;
        let (closed, wait) = mpsc::sync_channel(1);
        let retired = std::mem::replace(&mut self.consumer, next);
        let close = move || {
            drop(retired);
            // Nobody waits any more when it took too long.
            let _ = closed.send(());
        };
        let closing = thread::Builder::new().name("kafka-close".to_owned());
        if closing.spawn(close).is_ok() && wait.recv_timeout(RETIRE_MAX).is_err() {
            tracing::warn!("a consumer takes long to leave its group");
        }
        Ok(())
    }

    /// Waits for what is in flight, commits, and takes no more records meanwhile.
    fn leave(&self, deadline: Instant) {
        self.set_paused(true);
        while self.shared.positions(|positions| positions.in_flight()) > 0
            && Instant::now() < deadline
        {
            // Serves rebalances, and gives no records: all partitions are paused.
            let _ = self.consumer.poll(Duration::ZERO);
            self.shared.await_progress();
        }
        commit::commit_now(&self.consumer, &self.shared, &self.shared.assigned());
    }
}

fn made_anew(sign: &str) -> Round {
    Round::Renew {
        from_beginning: true,
        why: format!("another topic has the name now: {sign}"),
    }
}

fn subscribe(
    shared: &Arc<Shared>,
    config: &ClientConfig,
    from_beginning: bool,
) -> KafkaResult<BaseConsumer<Context>> {
    let context = Context::new(Arc::clone(shared), from_beginning);
    let consumer: BaseConsumer<Context> = config.create_with_context(context)?;
    consumer.subscribe(&[shared.topic()])?;
    Ok(consumer)
}

/// Tells that the thread panicked, unless it has told how it ended.
struct Ending(Arc<Shared>);

impl Drop for Ending {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.end(End::Failed(SubscriptionError::Panicked));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subscription::SubscriptionOptions;

    #[tokio::test]
    async fn a_panic_of_the_thread_is_told() {
        let shared = Shared::new(&SubscriptionOptions::new("purchases", "purchase-group"));
        let ending = Ending(Arc::clone(&shared));
        let thread = thread::spawn(move || {
            let _ending = ending;
            panic!("a test wants it so");
        });
        assert_eq!(
            shared.ended().await,
            End::Failed(SubscriptionError::Panicked)
        );
        assert!(thread.join().is_err());
    }
}
