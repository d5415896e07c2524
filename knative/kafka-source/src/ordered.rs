//! `ordering: ordered`: the events of each partition one after another. One that waits for its next try holds its partition up.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use kafka_log::{Delivery, Subscription};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{MissedTickBehavior, interval};

use crate::courier::Courier;
use crate::poll::{Fate, judge};

/// How often the real one polls, whether or not it could use more: 50 records five times a second.
const POLL_PAUSE: Duration = Duration::from_millis(200);

/// Waiting events, in bytes, from which no more are taken. Only reached when a partition stands still for long; the real one
/// stops fetching that partition, here all stand still then.
const WAITING_BYTES_MAX: usize = 64 << 20;
/// What an event takes beside its value.
const EVENT_BYTES: usize = 1_024;

/// Ends when it shall stop or the subscription has ended, and everything on its way has arrived; or when a delivery panicked.
pub(crate) async fn run(
    subscription: Subscription,
    courier: Arc<Courier>,
    source: String,
    poll_max: usize,
    mut stop: watch::Receiver<bool>,
) -> Result<(), JoinError> {
    let mut lanes = Lanes {
        subscription: subscription.clone(),
        courier,
        waiting: HashMap::new(),
        waiting_bytes: 0,
        on_their_way: JoinSet::new(),
    };
    let mut tick = interval(POLL_PAUSE);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut polls = false;
    loop {
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => break,
            _ = tick.tick(), if !polls => polls = lanes.want_more(),
            poll = subscription.next(poll_max), if polls => {
                polls = false;
                if poll.is_empty() {
                    break;
                }
                lanes.add(judge(poll, &source));
            }
            Some(partition) = lanes.on_their_way.join_next() => lanes.send_next(partition?),
        }
    }
    while let Some(partition) = lanes.on_their_way.join_next().await {
        partition?;
    }
    Ok(())
}

/// One lane for each partition, with at most one event on its way.
struct Lanes {
    subscription: Subscription,
    courier: Arc<Courier>,
    /// A partition is in it while an event of it is on its way.
    waiting: HashMap<i32, VecDeque<(Delivery, Fate)>>,
    waiting_bytes: usize,
    on_their_way: JoinSet<i32>,
}

impl Lanes {
    /// Whether any partition is out of events.
    fn want_more(&self) -> bool {
        let is_idle = |partition| self.waiting.get(partition).is_none_or(VecDeque::is_empty);
        let assigned = self.subscription.state().partitions;
        (assigned.is_empty() || assigned.iter().any(is_idle))
            && self.waiting_bytes < WAITING_BYTES_MAX
    }

    fn add(&mut self, poll: Vec<(Delivery, Fate)>) {
        for (delivery, fate) in poll {
            let partition = delivery.record.partition;
            self.waiting_bytes += bytes(&delivery);
            match self.waiting.get_mut(&partition) {
                Some(lane) => lane.push_back((delivery, fate)),
                None => {
                    self.waiting
                        .insert(partition, VecDeque::from([(delivery, fate)]));
                    self.send_next(partition);
                }
            }
        }
        if self.waiting_bytes >= WAITING_BYTES_MAX {
            let bytes = self.waiting_bytes;
            tracing::warn!(
                bytes,
                "a partition stands still and too many events wait behind it: no more are taken"
            );
        }
    }

    fn send_next(&mut self, partition: i32) {
        let Some((delivery, fate)) = self
            .waiting
            .get_mut(&partition)
            .and_then(VecDeque::pop_front)
        else {
            self.waiting.remove(&partition);
            return;
        };
        self.waiting_bytes -= bytes(&delivery);
        let (subscription, courier) = (self.subscription.clone(), self.courier.clone());
        self.on_their_way.spawn(async move {
            courier.bring(&delivery, fate).await;
            subscription.done(&delivery.place);
            partition
        });
    }
}

fn bytes(delivery: &Delivery) -> usize {
    EVENT_BYTES + delivery.record.value.as_ref().map_or(0, Vec::len)
}
