//! The processes: each does the real work with the real settler, until it is killed, stopped or broken, and then begins again
//! with what is committed.

use std::cell::RefCell;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use delivery::{Batches, DeadLetters as _, Outcome, Progress, Recorder, Settler, deliver, work};
use purchase::event::Rejection;
use testkit::random::Random;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use crate::flaw::{Flawed, pace};
use crate::log::Owner;
use crate::member::{Order, Signals};
use crate::record::{Taken, arrival};
use crate::schedule::Road;
use crate::sink::{Storer, backoff};
use crate::store::{Letters, Store};
use crate::world::{State, World};

/// Until a process that ended is there again.
const RESTART: Duration = Duration::from_millis(200);
/// As consumer and its subscription have them.
const COMMIT_PAUSE: Duration = Duration::from_secs(1);
const REVOKE_DRAIN: Duration = Duration::from_secs(3);
const STOP_MAX: Duration = Duration::from_secs(5);
/// After a burial that failed, where no settler does it.
const BURY_PAUSE: Duration = Duration::from_secs(1);

thread_local! {
    static JITTER: RefCell<Random> = RefCell::new(Random::seeded(0));
}

/// From now on the pauses of this thread's settlers follow from this seed.
pub(crate) fn seed_jitter(seed: u64) {
    JITTER.with_borrow_mut(|jitter| *jitter = Random::seeded(seed));
}

fn jitter() -> [u8; 10] {
    let number = JITTER.with_borrow_mut(Random::number);
    [number.to_le_bytes()[0]; 10]
}

/// Keeps a process of this member running.
pub(crate) async fn supervise(world: Arc<World>, index: usize, storer: Recorder) {
    loop {
        run(&world, index, &storer).await;
        sleep(RESTART).await;
    }
}

async fn run(world: &Arc<World>, index: usize, storer: &Recorder) {
    let progress = Arc::new(Progress::default());
    let (process, signals) = world.with(|state| state.start(index, Arc::clone(&progress)));
    let log = Log {
        world: Arc::clone(world),
        process,
        signals,
    };
    let mut workers = match world.schedule.road {
        Road::Consumer => consumer(&log, progress),
        Road::KafkaSource { retries } => kafka_source(&log, storer, retries),
    };
    let mut polling = pin!(log.poll());
    loop {
        let ended = tokio::select! {
            biased;
            () = log.signals.killed.notified() => break,
            () = &mut polling => break,
            Some(ended) = workers.join_next() => ended,
        };
        // Told to stop, workers end while their last positions are still being committed.
        let is_stopping = world.with(|state| state.members[&process].is_stopping());
        if ended.is_err() || !is_stopping {
            world.note("a worker ended, and its process with it", || process);
            break;
        }
    }
    workers.shutdown().await;
    world.with(|state| {
        state.judge_ended(process);
        state.report.note("ended", || format!("process {process}"));
        state.leave(process);
    });
}

/// What consumer runs.
fn consumer(log: &Log, progress: Arc<Progress>) -> JoinSet<()> {
    let (world, process, flaw) = (&log.world, log.process, log.world.flaw);
    let store = Store {
        world: Arc::clone(world),
        process,
    };
    let letters = Letters {
        world: Arc::clone(world),
        process,
    };
    let settler = Arc::new(Settler {
        writer: Arc::new(Flawed::new(store, flaw)),
        dead_letters: Arc::new(Flawed::new(letters, flaw)),
        pace: pace(jitter, flaw),
        progress,
    });
    let mut workers = JoinSet::new();
    for _ in 0..world.schedule.workers {
        let (log, settler) = (Flawed::new(log.clone(), flaw), Arc::clone(&settler));
        let batch_max = world.schedule.batch_max;
        workers.spawn(async move { work(&log, batch_max, arrival, &settler).await });
    }
    workers
}

/// What a KafkaSource runs: events of all partitions at once, each on its own.
fn kafka_source(log: &Log, storer: &Recorder, retries: u32) -> JoinSet<()> {
    let (log, storer) = (log.clone(), storer.clone());
    let at_once = log.world.schedule.workers * log.world.schedule.batch_max;
    let mut workers = JoinSet::new();
    workers.spawn(async move {
        let mut on_their_way = JoinSet::new();
        loop {
            let taken = tokio::select! {
                biased;
                Some(ended) = on_their_way.join_next() => match ended {
                    Ok(()) => continue,
                    Err(_) => return,
                },
                taken = log.next(at_once), if on_their_way.len() < at_once => taken,
            };
            if taken.is_empty() {
                break;
            }
            for taken in taken {
                on_their_way.spawn(bring(log.clone(), storer.clone(), taken, retries));
            }
        }
        while on_their_way.join_next().await.is_some() {}
    });
    workers
}

async fn bring(log: Log, recorder: Recorder, taken: Taken, retries: u32) {
    let storer = Storer {
        world: Arc::clone(&log.world),
        recorder,
        place: taken.record.place,
        tried: Mutex::new((0, Instant::now())),
    };
    if let Outcome::Dead(dead) = deliver(&storer, &taken.record.event, &backoff(retries)).await {
        let attempts = dead.attempts;
        log.world
            .with(|state| state.judge_dead(&taken.record, dead.reason(), attempts, retries));
        let letters = Letters {
            world: Arc::clone(&log.world),
            process: log.process,
        };
        let rejection = Rejection::new(dead.reason(), dead.detail());
        while letters.bury(&taken, &rejection).await.is_err() {
            sleep(BURY_PAUSE).await;
        }
    }
    log.done(&taken);
}

/// The log, as one process sees it.
#[derive(Clone)]
pub(crate) struct Log {
    world: Arc<World>,
    process: u64,
    signals: Arc<Signals>,
}

impl Batches for Log {
    type Record = Taken;

    async fn next(&self, max: usize) -> Vec<Taken> {
        loop {
            let arrived = self.signals.arrived.notified();
            if let Some(taken) = self.world.with(|state| state.next(self.process, max)) {
                return taken;
            }
            arrived.await;
        }
    }

    fn done(&self, taken: &Taken) {
        self.world.with(|state| state.done(self.process, taken));
    }
}

impl Log {
    /// Commits, gives partitions back, and ends when the process has left its group.
    async fn poll(&self) {
        let mut commits = interval(COMMIT_PAUSE);
        commits.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            while let Some(order) = self.world.with(|state| state.next_order(self.process)) {
                match order {
                    Order::GiveBack { partition } => self.give_back(partition).await,
                    Order::Leave => {
                        self.drain(STOP_MAX, |state, process| {
                            state.members[&process].positions.in_flight()
                        })
                        .await;
                        return self.world.with(|state| state.commit(self.process, None));
                    }
                }
            }
            tokio::select! {
                biased;
                () = self.signals.ordered.notified() => {}
                _ = commits.tick() => self.world.with(|state| state.commit(self.process, None)),
            }
        }
    }

    async fn give_back(&self, partition: i32) {
        let begun = self
            .world
            .with(|state| state.begin_to_give_back(self.process, partition));
        let Some(assignment) = begun else {
            return;
        };
        self.drain(REVOKE_DRAIN, move |state, process| {
            state.members[&process].positions.in_flight_of(&[partition])
        })
        .await;
        let owner = Owner {
            process: self.process,
            assignment,
        };
        self.world.with(|state| state.give_back(owner, partition));
    }

    /// Waits until nothing is in flight, but no longer than that.
    async fn drain(&self, max: Duration, in_flight: impl Fn(&State, u64) -> usize) {
        let drained = async {
            while self.world.with(|state| in_flight(state, self.process)) > 0 {
                self.signals.done.notified().await;
            }
        };
        // What is not done by then is delivered again.
        let _ = timeout(max, drained).await;
    }
}
