//! What the polling thread and the callers share: the records, their positions, and how it ends.
//!
//! Nothing is called with the lock held, and no caller of async code waits while holding it.

mod caller;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use delivery::{Positions, Step};
use tokio::sync::{Notify, watch};

use super::buffer::Buffer;
use super::{Delivery, Place, SubscriptionError, SubscriptionOptions};
use crate::record::Record;

/// How often whoever waits shows that it is alive.
const BEAT: Duration = Duration::from_millis(50);

/// Number of the newest assignment of any partition to any member in this process. A place of one never means another.
static ASSIGNMENTS: AtomicU64 = AtomicU64::new(0);

#[derive(Debug)]
pub(super) struct Shared {
    topic: Arc<str>,
    state: Mutex<State>,
    /// Something was done or handed out, or it shall stop. For the polling thread.
    progress: Condvar,
    /// Records came, or there will be no more. For callers.
    arrived: Notify,
    end: watch::Sender<End>,
    started: Instant,
    /// Milliseconds from `started` to the last round of the polling thread.
    last_round: AtomicU64,
}

#[derive(Debug)]
struct State {
    positions: Positions,
    buffer: Buffer,
    paused: bool,
    /// Set once it shall stop: until when what is in flight is waited for.
    stop: Option<Instant>,
    fault: Option<Fault>,
    /// The id of the topic, once it is known.
    topic_id: Option<String>,
    /// The name belongs to another topic since the consumer began.
    made_anew: bool,
    /// Nobody said where the assigned partitions begin, so perhaps nothing will ever come from them.
    unpositioned: bool,
}

/// What keeps records from coming.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Fault {
    /// For people.
    text: String,
    /// Only records mend it, and no answer of the group's coordinator.
    of_topic: bool,
}

/// Whether and how the polling thread ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    NotYet,
    Stopped,
    Failed(SubscriptionError),
}

/// What became of a record that was polled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    Yes,
    No,
    WentBack { expected: i64 },
}

impl Shared {
    pub(super) fn new(options: &SubscriptionOptions) -> Arc<Self> {
        Arc::new(Self {
            topic: Arc::from(options.topic.as_str()),
            state: Mutex::new(State {
                positions: Positions::default(),
                buffer: Buffer::new(options.buffer_max, options.buffer_bytes_max),
                paused: false,
                stop: None,
                fault: None,
                topic_id: None,
                made_anew: false,
                unpositioned: false,
            }),
            progress: Condvar::new(),
            arrived: Notify::new(),
            end: watch::Sender::new(End::NotYet),
            started: Instant::now(),
            last_round: AtomicU64::new(0),
        })
    }

    /// Each change of the state is complete when the lock is released, so a panic elsewhere spoils nothing.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// For the polling thread. What callers do is in [`caller`].
impl Shared {
    pub(super) fn topic(&self) -> &Arc<str> {
        &self.topic
    }

    /// The thread went round.
    pub(super) fn beat(&self) {
        let elapsed = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_round.store(elapsed, Ordering::Relaxed);
    }

    pub(super) fn end(&self, end: End) {
        self.end.send_replace(end);
        self.arrived.notify_waiters();
    }

    pub(super) fn take(&self, record: Record) -> Taken {
        let mut state = self.lock();
        if state.stop.is_some() {
            return Taken::No;
        }
        let (partition, offset) = (record.partition, record.offset);
        match state.positions.take(partition, offset, record.recorded_at) {
            Step::Taken { assignment } => {
                let place = Place {
                    topic: Arc::clone(&record.topic),
                    partition,
                    offset,
                    assignment,
                };
                state.buffer.push(Delivery { record, place });
                state.fault = None;
                self.arrived.notify_one();
                Taken::Yes
            }
            Step::Foreign => Taken::No,
            Step::Back { expected } => Taken::WentBack { expected },
        }
    }

    /// Until when what is in flight is waited for, once it shall stop.
    pub(super) fn stopping(&self) -> Option<Instant> {
        self.lock().stop
    }

    pub(super) fn is_full(&self) -> bool {
        self.lock().buffer.is_full()
    }

    pub(super) fn is_half_empty(&self) -> bool {
        self.lock().buffer.is_half_empty()
    }

    pub(super) fn is_paused(&self) -> bool {
        self.lock().paused
    }

    pub(super) fn set_paused(&self, paused: bool) {
        self.lock().paused = paused;
    }

    /// Waits a moment for something to be done or handed out.
    pub(super) fn await_progress(&self) {
        let state = self.lock();
        let waited = self.progress.wait_timeout(state, BEAT);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
        self.beat();
    }

    /// Waits until nothing of these partitions is in flight, but not beyond `deadline`. Answers how many still are.
    pub(super) fn drain(&self, partitions: &[i32], deadline: Instant) -> usize {
        loop {
            let in_flight = self.lock().positions.in_flight_of(partitions);
            if in_flight == 0 || Instant::now() >= deadline {
                return in_flight;
            }
            self.await_progress();
        }
    }

    pub(super) fn assign(&self, partitions: &[i32]) {
        let mut state = self.lock();
        for &partition in partitions {
            let assignment = ASSIGNMENTS.fetch_add(1, Ordering::Relaxed);
            state.positions.assign(partition, assignment);
        }
    }

    pub(super) fn assigned(&self) -> Vec<i32> {
        self.lock().positions.assigned().collect()
    }

    /// Changes or asks the positions.
    pub(super) fn positions<T>(&self, ask: impl FnOnce(&mut Positions) -> T) -> T {
        ask(&mut self.lock().positions)
    }

    /// Forgets records that whoever gets these partitions next is given again. Those of an earlier assignment stay: their
    /// log may be gone.
    pub(super) fn drop_buffered(&self, partitions: &[i32]) {
        let State {
            positions, buffer, ..
        } = &mut *self.lock();
        buffer.retain(|Delivery { place, .. }| {
            !(partitions.contains(&place.partition)
                && positions.is_current(place.partition, place.assignment))
        });
    }

    /// The brokers say which id the topic has.
    pub(super) fn set_topic_id(&self, id: &str) {
        let mut state = self.lock();
        state.made_anew |= state.topic_id.as_deref().is_some_and(|known| known != id);
        state.topic_id = Some(id.to_owned());
    }

    pub(super) fn set_unpositioned(&self) {
        self.lock().unpositioned = true;
    }

    pub(super) fn is_unpositioned(&self) -> bool {
        self.lock().unpositioned
    }

    pub(super) fn is_made_anew(&self) -> bool {
        self.lock().made_anew
    }

    /// Forgets everything about the assignments of a consumer that is given up, but none of the records that it brought:
    /// their log may be gone.
    pub(super) fn begin_anew(&self, topic_is_another: bool) {
        let mut state = self.lock();
        state.positions.revoke_all();
        state.paused = false;
        if topic_is_another && !state.made_anew {
            // The id that is known is the old one's.
            state.topic_id = None;
        }
        state.made_anew = false;
        state.unpositioned = false;
    }

    /// Answers whether it is another one than before.
    pub(super) fn set_fault(&self, text: String, of_topic: bool) -> bool {
        let fault = Some(Fault { text, of_topic });
        let mut state = self.lock();
        let changed = state.fault != fault;
        state.fault = fault;
        changed
    }

    /// The coordinator of the group answers, and perhaps there is a topic to read from.
    pub(super) fn clear_fault(&self, topic: bool) {
        let fault = self.lock().fault.take_if(|fault| topic || !fault.of_topic);
        if let Some(Fault { text, .. }) = fault {
            tracing::info!(fault = text, "this is over");
        }
    }
}

#[cfg(test)]
mod tests;
