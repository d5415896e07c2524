//! A process as a member of the group: what it was given, what it has in hand, and what it says is done. It does what the
//! subscription of `kafka-log` does, around the same [`Positions`].

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use delivery::{Positions, Progress};
use tokio::sync::Notify;

use crate::judge::Failures;
use crate::log::Owner;
use crate::record::{Place, Taken};
use crate::world::State;

#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) index: usize,
    pub(crate) positions: Positions,
    /// Its assignments, as it knows them.
    pub(crate) assignments: BTreeMap<i32, u64>,
    /// Where it reads on.
    pub(crate) fetched: BTreeMap<i32, i64>,
    pub(crate) buffer: VecDeque<Taken>,
    pub(crate) in_hand: BTreeSet<(u64, Place)>,
    /// How often it said that something is done.
    pub(crate) done: u64,
    pub(crate) stopping: bool,
    /// Meanwhile it does not poll.
    pub(crate) giving_back: bool,
    pub(crate) orders: VecDeque<Order>,
    pub(crate) signals: Arc<Signals>,
    pub(crate) progress: Arc<Progress>,
    pub(crate) failures: Failures,
}

/// What the polling part of a process has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    GiveBack { partition: i32 },
    Leave,
}

#[derive(Debug, Default)]
pub(crate) struct Signals {
    /// Records came, or there will be no more.
    pub(crate) arrived: Notify,
    pub(crate) ordered: Notify,
    pub(crate) done: Notify,
    pub(crate) killed: Notify,
}

impl Member {
    fn new(index: usize, progress: Arc<Progress>) -> Self {
        Self {
            index,
            positions: Positions::default(),
            assignments: BTreeMap::new(),
            fetched: BTreeMap::new(),
            buffer: VecDeque::new(),
            in_hand: BTreeSet::new(),
            done: 0,
            stopping: false,
            giving_back: false,
            orders: VecDeque::new(),
            signals: Arc::default(),
            progress,
            failures: Failures::default(),
        }
    }

    /// For people: which member, and which process of them all.
    pub(crate) fn name(&self, process: u64) -> String {
        format!("member {} (process {process})", self.index)
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping
    }

    pub(crate) fn is_idle(&self) -> bool {
        let has_none = self.in_hand.is_empty() && self.buffer.is_empty();
        has_none && self.orders.is_empty() && !self.giving_back
    }

    pub(crate) fn order(&mut self, order: Order) {
        self.orders.push_back(order);
        self.signals.ordered.notify_one();
    }

    pub(crate) fn owner(&self, process: u64, partition: i32) -> Option<Owner> {
        let assignment = *self.assignments.get(&partition)?;
        Some(Owner {
            process,
            assignment,
        })
    }

    pub(crate) fn assign(&mut self, partition: i32, assignment: u64, committed: Option<i64>) {
        self.positions.assign(partition, assignment);
        self.positions.kept(partition, committed);
        self.assignments.insert(partition, assignment);
        self.fetched.insert(partition, committed.unwrap_or(0));
        self.signals.arrived.notify_waiters();
    }

    pub(crate) fn drop_buffered(&mut self, partition: i32, assignment: u64) {
        let is_dropped = |taken: &Taken| {
            taken.record.place.partition == partition && taken.assignment == assignment
        };
        self.buffer.retain(|taken| !is_dropped(taken));
    }

    /// Answers false when it has another assignment by now, or none.
    pub(crate) fn revoke(&mut self, partition: i32, assignment: u64) -> bool {
        if !self.positions.is_current(partition, assignment) {
            return false;
        }
        self.drop_buffered(partition, assignment);
        self.positions.revoke(partition);
        self.assignments.remove(&partition);
        self.fetched.remove(&partition);
        true
    }

    /// What it read of the topic before is handed out all the same: the topic may be gone.
    pub(crate) fn begin_anew(&mut self) {
        self.positions.revoke_all();
        self.assignments.clear();
        self.fetched.clear();
    }

    /// Every record in hand counts until it is done, unless its partition was taken away.
    pub(crate) fn in_flight(&self) -> usize {
        let current = |(assignment, place): &&(u64, Place)| {
            self.positions.is_current(place.partition, *assignment)
        };
        self.in_hand.iter().filter(current).count()
    }
}

impl State {
    /// A process of a member begins.
    pub(crate) fn start(&mut self, index: usize, progress: Arc<Progress>) -> (u64, Arc<Signals>) {
        self.processes += 1;
        let member = Member::new(index, progress);
        let signals = Arc::clone(&member.signals);
        self.report.note("started", || member.name(self.processes));
        self.members.insert(self.processes, member);
        self.assign_all();
        (self.processes, signals)
    }

    /// A process is gone, and nobody has its partitions until somebody takes them.
    pub(crate) fn leave(&mut self, process: u64) {
        self.members.remove(&process);
        for partition in &mut self.partitions {
            partition.owner.take_if(|owner| owner.process == process);
        }
        self.assign_all();
    }

    fn running(&mut self, index: usize) -> Option<(u64, &mut Member)> {
        let mut members = self.members.iter_mut();
        members
            .find(|(_, member)| member.index == index % self.members_max)
            .map(|(process, member)| (*process, member))
    }

    pub(crate) fn crash(&mut self, index: usize) {
        if let Some((process, member)) = self.running(index) {
            let name = member.name(process);
            let kind = if member.in_hand.is_empty() {
                "killed"
            } else {
                "killed with records in hand"
            };
            member.signals.killed.notify_one();
            self.report.note(kind, || name);
        }
    }

    pub(crate) fn stop(&mut self, index: usize) {
        if let Some((process, member)) = self.running(index)
            && !member.stopping
        {
            let name = member.name(process);
            member.stopping = true;
            member.signals.arrived.notify_waiters();
            member.order(Order::Leave);
            self.report.note("told to stop", || name);
        }
    }
}
