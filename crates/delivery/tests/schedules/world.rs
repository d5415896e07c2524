//! Everything outside the processes: the log, the store, the dead letters, and what comes of each call.
//!
//! All of it changes under one lock and between two awaits, so a run has no order of its own: it follows from the schedule.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Display;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use purchase::event::Reason;
use purchase::{Purchase, PurchaseId};
use tokio::sync::Notify;
use tokio::time::sleep;

use crate::flaw::Flaw;
use crate::log::Partition;
use crate::member::Member;
use crate::record::Place;
use crate::report::Report;
use crate::schedule::{Road, Schedule, Turn};

/// More than any schedule asks for: whoever calls so often does not pause.
const CALLS_MAX: u32 = 20_000;

pub(crate) struct World {
    pub(crate) schedule: Schedule,
    pub(crate) flaw: Option<Flaw>,
    state: Mutex<State>,
    broken: Notify,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) road: Road,
    pub(crate) members_max: usize,
    pub(crate) topic: u32,
    pub(crate) partitions: Vec<Partition>,
    /// The processes that run, by the number of the process.
    pub(crate) members: BTreeMap<u64, Member>,
    pub(crate) processes: u64,
    pub(crate) assignments: u64,
    pub(crate) handed_out: BTreeSet<Place>,
    pub(crate) documents: BTreeMap<PurchaseId, Purchase>,
    pub(crate) letters: BTreeMap<Place, Reason>,
    pub(crate) writes: Turns,
    pub(crate) burials: Turns,
    pub(crate) posts: Turns,
    pub(crate) commits: std::vec::IntoIter<bool>,
    pub(crate) report: Report,
}

impl World {
    pub(crate) fn new(schedule: Schedule, flaw: Option<Flaw>, traced: bool) -> Arc<Self> {
        let state = State {
            road: schedule.road,
            members_max: schedule.members,
            topic: 0,
            partitions: Partition::of(schedule.partitions, schedule.members),
            members: BTreeMap::new(),
            processes: 0,
            assignments: 0,
            handed_out: BTreeSet::new(),
            documents: BTreeMap::new(),
            letters: BTreeMap::new(),
            writes: Turns::new(&schedule.writes),
            burials: Turns::new(&schedule.burials),
            posts: Turns::new(&schedule.posts),
            commits: schedule.commits.clone().into_iter(),
            report: Report::new(traced),
        };
        Arc::new(Self {
            schedule,
            flaw,
            state: Mutex::new(state),
            broken: Notify::new(),
        })
    }

    /// Changes or asks the state.
    pub(crate) fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock().unwrap();
        let answer = change(&mut state);
        if state.report.violation.is_some() {
            self.broken.notify_one();
        }
        answer
    }

    pub(crate) fn note<D: Display>(&self, kind: &'static str, detail: impl FnOnce() -> D) {
        self.with(|state| state.report.note(kind, detail));
    }

    /// Resolves once a rule is broken.
    pub(crate) async fn broken(&self) {
        self.broken.notified().await;
    }

    /// What comes of the next call. Nobody waits for the answer of a call too many: so a loop without pauses ends.
    pub(crate) async fn turn(&self, of: fn(&mut State) -> &mut Turns) -> Turn {
        let turn = self.with(|state| {
            let turn = of(state).next();
            if turn.is_none() {
                state
                    .report
                    .violate(format!("there were {CALLS_MAX} calls of one kind"));
            }
            turn
        });
        match turn {
            Some(turn) => turn,
            None => std::future::pending().await,
        }
    }
}

/// Waits so many milliseconds, and for nothing at all if they are none.
pub(crate) async fn pass(millis: u32) {
    if millis > 0 {
        sleep(Duration::from_millis(u64::from(millis))).await;
    }
}

/// What comes of calls of one kind, one after another.
#[derive(Debug)]
pub(crate) struct Turns {
    left: VecDeque<Turn>,
    current: Option<Turn>,
    calls: u32,
}

impl Turns {
    fn new(turns: &[Turn]) -> Self {
        Self {
            left: VecDeque::from(turns.to_vec()),
            current: None,
            calls: 0,
        }
    }

    fn next(&mut self) -> Option<Turn> {
        self.calls += 1;
        if self.calls > CALLS_MAX {
            return None;
        }
        let mut turn = self
            .current
            .take()
            .or_else(|| self.left.pop_front())
            .unwrap_or(Turn::GOOD);
        turn.times -= 1;
        if turn.times > 0 {
            self.current = Some(turn);
        }
        Some(turn)
    }
}
