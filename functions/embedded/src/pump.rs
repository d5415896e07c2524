//! The pump: takes events from the log and delivers them to storer, by the rules of the KafkaSource, unordered.
//!
//! Invariant: an event is settled only after storer's success, and buried only together with its removal from the log. What
//! is neither is delivered again after a restart; storer knows a repetition when it sees one.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use delivery::{Backoff, Outcome, Policy, Sink, deliver};
use purchase::Timestamp;
use purchase::event::{Rejection, structured};
use sqlite::{DeadLetter, LoggedEvent, SqliteLog};
use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinHandle, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout_at};

use crate::counters::Counters;

/// Events on their way at the same time; storer groups them into few writes. The rest waits in the log, which costs nothing.
const IN_FLIGHT_MAX: usize = 128;
/// Events read from the log at a time: a read for each would take longer than its delivery.
const PAGE: usize = 512;
/// How often delivered events are removed from the log. Sooner would cost a sync per purchase; later means more repetitions
/// after a kill.
const SETTLE_PAUSE: Duration = Duration::from_secs(1);
/// How long a stop waits for the log to empty. What is left is delivered at the next start.
const DRAIN_MAX: Duration = Duration::from_secs(5);

/// Linear as a KafkaSource's delivery should be, but never long: the store is on the same disk, and nobody wants to wait two
/// minutes after it recovered. Without end: log and store are one file, so there is nowhere better for an event to be.
const BACKOFF: Backoff = Backoff {
    policy: Policy::Linear,
    delay: Duration::from_millis(100),
    retries: u32::MAX,
    ceiling: Some(Duration::from_secs(2)),
};

/// A running pump.
pub(crate) struct Pump {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Pump {
    pub(crate) fn start(
        log: SqliteLog,
        sink: impl Sink + 'static,
        now: fn() -> Timestamp,
        counters: Counters,
    ) -> Self {
        let (stop, stopped) = oneshot::channel();
        let courier = Arc::new(Courier {
            log,
            sink: Box::new(sink),
            now,
            counters,
        });
        let rounds = Rounds {
            courier,
            position: 0,
            behind: true,
            taken: VecDeque::new(),
            on_their_way: JoinSet::new(),
            delivered: Vec::new(),
            broken: false,
        };
        Self {
            stop,
            task: tokio::spawn(rounds.run(stopped)),
        }
    }

    /// Resolves when the pump has ended, which it does not do before it is stopped unless it is broken.
    pub(crate) async fn ended(&mut self) {
        if let Err(error) = (&mut self.task).await {
            tracing::error!(%error, "the pump failed");
        }
    }

    /// Delivers what is in the log, as long as that takes no longer than five seconds, and ends.
    pub(crate) async fn stop(self) {
        drop(self.stop);
        // After a failure it has been waited for already, and may not be again.
        if !self.task.is_finished() {
            let _ = self.task.await;
        }
    }
}

/// Where the pump is in the log.
struct Rounds {
    courier: Arc<Courier>,
    /// Everything up to here was taken.
    position: i64,
    /// Whether the log may hold more than was taken.
    behind: bool,
    /// Taken, and waiting for room on the way.
    taken: VecDeque<LoggedEvent>,
    on_their_way: JoinSet<i64>,
    /// Confirmed by storer and not yet removed from the log.
    delivered: Vec<i64>,
    /// A delivery ended without having brought its event anywhere; only a restart takes that event again.
    broken: bool,
}

impl Rounds {
    async fn run(mut self, mut stopped: oneshot::Receiver<()>) {
        let mut tick = interval(SETTLE_PAUSE);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut read_failed = false;
        while !self.broken {
            if !read_failed {
                read_failed = !self.take().await;
            }
            tokio::select! {
                () = self.courier.log.appended() => self.behind = true,
                Some(ended) = self.on_their_way.join_next() => {
                    self.arrived(ended);
                    // storer answers in groups, so there are more: make room for all of them before taking the next.
                    while let Some(ended) = self.on_their_way.try_join_next() {
                        self.arrived(ended);
                    }
                }
                _ = tick.tick() => {
                    // Also finds what another process put into the log.
                    self.behind = true;
                    read_failed = false;
                    self.settle().await;
                    self.measure().await;
                }
                _ = &mut stopped => break,
            }
        }
        self.drain().await;
    }

    async fn drain(mut self) {
        let deadline = Instant::now() + DRAIN_MAX;
        let empty = async {
            loop {
                // A log that cannot be read now is read at the next start; what is on its way still arrives.
                let _ = self.take().await;
                let Some(ended) = self.on_their_way.join_next().await else {
                    break;
                };
                self.arrived(ended);
            }
        };
        if timeout_at(deadline, empty).await.is_err() {
            let left = self.on_their_way.len();
            tracing::warn!(
                left,
                "not everything was delivered; it is at the next start"
            );
        }
        self.on_their_way.shutdown().await;
        self.settle().await;
    }

    /// Sends as many events on their way as there is room for; says whether the log could be read.
    async fn take(&mut self) -> bool {
        while self.on_their_way.len() < IN_FLIGHT_MAX {
            let Some(event) = self.taken.pop_front() else {
                if !self.behind {
                    break;
                }
                match self.courier.log.read(self.position, PAGE).await {
                    Ok(events) => {
                        self.behind = events.len() == PAGE;
                        self.position = events.last().map_or(self.position, |last| last.position);
                        self.taken.extend(events);
                    }
                    Err(error) => {
                        tracing::warn!(%error, "cannot read the log; trying again");
                        return false;
                    }
                }
                continue;
            };
            self.on_their_way
                .spawn(Arc::clone(&self.courier).bring(event));
        }
        true
    }

    fn arrived(&mut self, ended: Result<i64, JoinError>) {
        match ended {
            Ok(position) => self.delivered.push(position),
            Err(error) => {
                tracing::error!(%error, "a delivery failed; it is repeated at the next start");
                self.broken = true;
            }
        }
    }

    async fn settle(&mut self) {
        if self.delivered.is_empty() {
            return;
        }
        match self.courier.log.settle(self.delivered.clone()).await {
            Ok(()) => self.delivered.clear(),
            Err(error) => {
                tracing::warn!(%error, "cannot remove delivered events from the log; trying again");
            }
        }
    }

    async fn measure(&self) {
        // A log that cannot be read is reported by whoever reads it for a purpose.
        if let Ok(delivery) = self.courier.log.delivery().await {
            let counters = &self.courier.counters;
            let gauge = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
            counters.waiting.set(gauge(delivery.waiting));
            counters.dead_letters.set(gauge(delivery.dead_letters));
        }
    }
}

/// Brings single events to storer.
struct Courier {
    log: SqliteLog,
    sink: Box<dyn Sink>,
    now: fn() -> Timestamp,
    counters: Counters,
}

impl Courier {
    /// Ends when the event is stored or buried; gives its position.
    async fn bring(self: Arc<Self>, logged: LoggedEvent) -> i64 {
        let position = logged.position;
        match structured::read(logged.json.as_bytes()) {
            Ok(event) => match deliver(&*self.sink, &event, &BACKOFF).await {
                Outcome::Delivered => {
                    self.counters.delivered.inc();
                }
                Outcome::Dead(dead) => {
                    let rejection = Rejection::new(dead.reason(), dead.detail());
                    self.bury(logged, rejection, dead.attempts).await;
                }
            },
            Err(rejection) => self.bury(logged, rejection, 0).await,
        }
        position
    }

    /// Not given up: an event that is neither stored nor buried would be lost.
    async fn bury(&self, logged: LoggedEvent, why: Rejection, attempts: u32) {
        let letter = DeadLetter {
            position: logged.position,
            json: logged.json,
            reason: why.reason,
            detail: why.detail,
            attempts,
            died_at: (self.now)(),
        };
        let (position, reason) = (letter.position, letter.reason.as_str());
        tracing::error!(
            position,
            reason,
            detail = letter.detail,
            "an event cannot be stored; it is kept as a dead letter"
        );
        while let Err(error) = self.log.bury(letter.clone()).await {
            tracing::warn!(%error, position, "cannot keep a dead letter; trying again");
            sleep(SETTLE_PAUSE).await;
        }
    }
}
