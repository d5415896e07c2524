//! Clients that wait for a purchase to be listed, and the one poller that asks the store for all of them at once.
//!
//! Invariant: however many wait, the store gets one question per tick. The poller runs only while somebody waits.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use purchase::{PortError, PurchaseId, PurchaseReader, UserId};
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep_until, timeout};

/// The first wait between two ticks, and the shortest whatever happens.
const TICK_MIN: Duration = Duration::from_millis(25);
/// The longest: what is asked for is usually there in milliseconds, so whoever waits longer waits for an outage to end.
const TICK_MAX: Duration = Duration::from_millis(250);
/// Over this many, a client is answered at once instead of waiting.
const WAITERS_MAX: usize = 1_000;

/// All who wait in this process. Clones share them.
#[derive(Clone)]
pub(crate) struct Waiters(Arc<Shared>);

struct Shared {
    reader: Arc<dyn PurchaseReader>,
    room: Mutex<Room>,
    arrived: Notify,
}

#[derive(Default)]
struct Room {
    waiters: Vec<Waiter>,
    polled: bool,
}

struct Waiter {
    userid: UserId,
    ids: Vec<PurchaseId>,
    contained: oneshot::Sender<()>,
}

impl Waiters {
    pub(crate) fn new(reader: Arc<dyn PurchaseReader>) -> Self {
        let shared = Shared {
            reader,
            room: Mutex::default(),
            arrived: Notify::new(),
        };
        Self(Arc::new(shared))
    }

    /// Whether the list of `userid` contains all of `ids`: as soon as it does, or at the end of `wait`.
    pub(crate) async fn wait(
        &self,
        userid: &UserId,
        ids: Vec<PurchaseId>,
        wait: Duration,
    ) -> Result<bool, PortError> {
        let waiting = if wait.is_zero() {
            None
        } else {
            self.join(userid, &ids)
        };
        match waiting {
            Some(contained) => Ok(matches!(timeout(wait, contained).await, Ok(Ok(())))),
            None => Ok(contains(
                &self.0.reader.find_owners(ids.clone()).await?,
                userid,
                &ids,
            )),
        }
    }

    /// A place in the room, unless it is full. The first to come starts the poller.
    fn join(&self, userid: &UserId, ids: &[PurchaseId]) -> Option<oneshot::Receiver<()>> {
        let (contained, receiver) = oneshot::channel();
        let mut room = self.0.room();
        // Those whose clients went away are still in it until the next tick.
        room.waiters.retain(|waiter| !waiter.contained.is_closed());
        if room.waiters.len() >= WAITERS_MAX {
            return None;
        }
        room.waiters.push(Waiter {
            userid: userid.clone(),
            ids: ids.to_vec(),
            contained,
        });
        if room.polled {
            self.0.arrived.notify_one();
        } else {
            room.polled = true;
            tokio::spawn(Arc::clone(&self.0).poll());
        }
        Some(receiver)
    }
}

impl Shared {
    fn room(&self) -> MutexGuard<'_, Room> {
        self.room.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ticks until nobody waits. The pause doubles while nothing happens and starts over when somebody comes or the store
    /// says that it has grown.
    async fn poll(self: Arc<Self>) {
        let mut pause = TICK_MIN;
        while let Some(ids) = self.wanted() {
            let ticked = Instant::now();
            match self.reader.find_owners(ids).await {
                Ok(owners) => self.release(&owners),
                // Their clients learn it from the list itself, at the latest when they stop waiting.
                Err(error) => tracing::warn!(%error, "cannot ask the store for those who wait"),
            }
            let news = tokio::select! {
                () = sleep_until(ticked + pause) => false,
                () = self.reader.changed() => true,
                () = self.arrived.notified() => true,
            };
            if news {
                pause = TICK_MIN;
                sleep_until(ticked + TICK_MIN).await;
            } else {
                pause = (pause * 2).min(TICK_MAX);
            }
        }
    }

    /// Every id that somebody waits for; `None` ends the poller.
    fn wanted(&self) -> Option<Vec<PurchaseId>> {
        let mut room = self.room();
        room.waiters.retain(|waiter| !waiter.contained.is_closed());
        room.polled = !room.waiters.is_empty();
        room.polled.then(|| {
            let ids: BTreeSet<_> = room
                .waiters
                .iter()
                .flat_map(|waiter| waiter.ids.iter().copied())
                .collect();
            ids.into_iter().collect()
        })
    }

    fn release(&self, owners: &HashMap<PurchaseId, UserId>) {
        let mut room = self.room();
        let done = |waiter: &mut Waiter| contains(owners, &waiter.userid, &waiter.ids);
        for waiter in room.waiters.extract_if(.., done) {
            // Nobody to tell if the client left just now.
            let _ = waiter.contained.send(());
        }
    }
}

/// Only the owner's own purchases count: whether an id exists on another list is nobody's business.
fn contains(owners: &HashMap<PurchaseId, UserId>, userid: &UserId, ids: &[PurchaseId]) -> bool {
    ids.iter().all(|id| owners.get(id) == Some(userid))
}
