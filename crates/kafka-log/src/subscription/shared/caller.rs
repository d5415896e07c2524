//! What the callers of a subscription ask and say.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::{End, Shared};
use crate::subscription::{Delivery, Place, SubscriptionState};

impl Shared {
    /// At least one record and at most `max`; none once it stops or has ended. A caller that goes away takes none along.
    pub(in crate::subscription) async fn next(&self, max: usize) -> Vec<Delivery> {
        loop {
            let arrived = self.arrived.notified();
            {
                let mut state = self.lock();
                if max == 0 || state.stop.is_some() || *self.end.borrow() != End::NotYet {
                    return Vec::new();
                }
                let taken = state.buffer.take(max);
                if !taken.is_empty() {
                    for taken in &taken {
                        let Place {
                            partition,
                            assignment,
                            ..
                        } = taken.place;
                        state.positions.hand_out(partition, assignment);
                    }
                    if state.buffer.len() > 0 {
                        self.arrived.notify_one();
                    }
                    self.progress.notify_all();
                    return taken;
                }
            }
            arrived.await;
        }
    }

    pub(in crate::subscription) fn done(&self, place: &Place) {
        let mut state = self.lock();
        state
            .positions
            .done(place.partition, place.assignment, place.offset);
        self.progress.notify_all();
    }

    /// Hands out no more from now on; what is in flight has until `deadline`.
    pub(in crate::subscription) fn stop(&self, deadline: Instant) {
        self.lock().stop.get_or_insert(deadline);
        self.progress.notify_all();
        self.arrived.notify_waiters();
    }

    pub(in crate::subscription) async fn ended(&self) -> End {
        let mut end = self.end.subscribe();
        // The sender lives as long as `self`, so this waits for a change and for nothing else.
        match end.wait_for(|end| *end != End::NotYet).await {
            Ok(end) => end.clone(),
            Err(_) => End::Stopped,
        }
    }

    pub(in crate::subscription) fn silent_for(&self) -> Duration {
        let last_round = Duration::from_millis(self.last_round.load(Ordering::Relaxed));
        self.started.elapsed().saturating_sub(last_round)
    }

    pub(in crate::subscription) fn state(&self) -> SubscriptionState {
        let state = self.lock();
        SubscriptionState {
            partitions: state.positions.assigned().collect(),
            buffered: state.buffer.len(),
            in_flight: state.positions.in_flight(),
            paused: state.paused,
            oldest: state.positions.oldest(),
            fault: state.fault.as_ref().map(|fault| fault.text.clone()),
        }
    }
}
