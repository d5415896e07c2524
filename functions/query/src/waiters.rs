//! Clients that wait for a purchase to be listed, and the one poller that asks the store for all of them at once.
//!
//! Invariant: however many wait, the store gets one question per tick, also for those whose wait ends, so that nobody is told
//! `false` about something that the list beside it shows. The poller runs only while somebody waits.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use purchase::{PortError, PurchaseId, PurchaseReader, UserId};
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep_until};

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
    until: Instant,
    answer: oneshot::Sender<bool>,
}

/// What a client is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) contained: bool,
    /// There was no place to wait, so it is told at once.
    pub(crate) turned_away: bool,
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
    ) -> Result<Answer, PortError> {
        let waiting = if wait.is_zero() {
            None
        } else {
            self.join(userid, &ids, wait)
        };
        let turned_away = waiting.is_none() && !wait.is_zero();
        if let Some(answer) = waiting
            && let Ok(contained) = answer.await
        {
            return Ok(Answer {
                contained,
                turned_away,
            });
        }
        // Nobody waits, or the store could not be asked at the end of the wait.
        let owners = self.0.reader.find_owners(ids.clone()).await?;
        Ok(Answer {
            contained: contains(&owners, userid, &ids),
            turned_away,
        })
    }

    /// A place in the room, unless it is full. The first to come starts the poller.
    fn join(
        &self,
        userid: &UserId,
        ids: &[PurchaseId],
        wait: Duration,
    ) -> Option<oneshot::Receiver<bool>> {
        let (answer, receiver) = oneshot::channel();
        let mut room = self.0.room();
        // Those whose clients went away are still in it until the next tick.
        room.waiters.retain(|waiter| !waiter.answer.is_closed());
        if room.waiters.len() >= WAITERS_MAX {
            return None;
        }
        let until = Instant::now() + wait;
        room.waiters.push(Waiter {
            userid: userid.clone(),
            ids: ids.to_vec(),
            until,
            answer,
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
        while let Some((ids, first_end)) = self.wanted() {
            let ticked = Instant::now();
            let owners = self.ask(ids).await;
            self.release(owners.as_ref(), ticked);
            let news = tokio::select! {
                () = sleep_until(first_end.min(ticked + pause)) => false,
                () = self.reader.changed() => true,
                () = self.arrived.notified() => true,
            };
            sleep_until(ticked + TICK_MIN).await;
            pause = if news {
                TICK_MIN
            } else {
                (pause * 2).min(TICK_MAX)
            };
        }
    }

    /// Every id that somebody waits for, and when the first of them stops waiting; `None` ends the poller.
    fn wanted(&self) -> Option<(Vec<PurchaseId>, Instant)> {
        let mut room = self.room();
        room.waiters.retain(|waiter| !waiter.answer.is_closed());
        let first_end = room.waiters.iter().map(|waiter| waiter.until).min();
        room.polled = first_end.is_some();
        let ids: BTreeSet<_> = room
            .waiters
            .iter()
            .flat_map(|waiter| waiter.ids.iter().copied())
            .collect();
        first_end.map(|first_end| (ids.into_iter().collect(), first_end))
    }

    /// Nothing if the store cannot be asked; who waits may still be lucky at a later tick.
    async fn ask(&self, ids: Vec<PurchaseId>) -> Option<HashMap<PurchaseId, UserId>> {
        let reader = Arc::clone(&self.reader);
        // A task of its own, so that a panic in a driver costs one tick and not the poller.
        match tokio::spawn(async move { reader.find_owners(ids).await }).await {
            Ok(Ok(owners)) => Some(owners),
            Ok(Err(error)) => {
                tracing::warn!(%error, "cannot ask the store for those who wait");
                None
            }
            Err(error) => {
                tracing::error!(%error, "the store panicked when it was asked for those who wait");
                None
            }
        }
    }

    /// Answers those whose purchases are there, and those whose wait was over before the store was asked. The latter are sent
    /// away without an answer if it could not be asked.
    fn release(&self, owners: Option<&HashMap<PurchaseId, UserId>>, asked: Instant) {
        let contained = |waiter: &Waiter| {
            owners.is_some_and(|owners| contains(owners, &waiter.userid, &waiter.ids))
        };
        let mut room = self.room();
        let done = |waiter: &mut Waiter| contained(waiter) || waiter.until <= asked;
        for waiter in room.waiters.extract_if(.., done) {
            if owners.is_some() {
                let contained = contained(&waiter);
                // Nobody to tell if the client left just now.
                let _ = waiter.answer.send(contained);
            }
        }
    }
}

/// Only the owner's own purchases count: whether an id exists on another list is nobody's business.
fn contains(owners: &HashMap<PurchaseId, UserId>, userid: &UserId, ids: &[PurchaseId]) -> bool {
    ids.iter().all(|id| owners.get(id) == Some(userid))
}
