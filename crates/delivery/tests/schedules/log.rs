//! The simulated brokers: records by partition, who has which partition, and the positions that are kept.

use crate::member::Order;
use crate::record::{Place, Record, What};
use crate::schedule::Incident;
use crate::world::State;

/// A partition of the topic.
#[derive(Debug, Default)]
pub(crate) struct Partition {
    pub(crate) records: Vec<Record>,
    pub(crate) committed: Option<i64>,
    pub(crate) owner: Option<Owner>,
    /// The member that shall have it.
    target: usize,
}

/// Whose commits count: no other process, and this one only with its present assignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) process: u64,
    pub(crate) assignment: u64,
}

/// A process has lost a partition, and learns of it later.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Loss {
    owner: Owner,
    partition: i32,
    pub(crate) told_after_ms: u32,
}

impl Partition {
    pub(crate) fn of(partitions: i32, members: usize) -> Vec<Self> {
        let targets = (0..members).cycle();
        let partition = |target| Self {
            target,
            ..Self::default()
        };
        targets.map(partition).take(partitions as usize).collect()
    }

    pub(crate) fn end(&self) -> i64 {
        self.records.len() as i64
    }
}

impl State {
    pub(crate) fn append(&mut self, partition: i32, what: What) {
        let partition = partition % self.partitions.len() as i32;
        let records = &mut self.partitions[partition as usize].records;
        let place = Place {
            topic: self.topic,
            partition,
            offset: records.len() as i64,
        };
        let record = Record::new(place, what);
        self.report.note("appended", || &record);
        records.push(record);
        self.wake_readers();
    }

    pub(crate) fn strike(&mut self, incident: Incident) -> Option<Loss> {
        match incident {
            Incident::Crash { member } => self.crash(member),
            Incident::Stop { member } => self.stop(member),
            Incident::Anew => self.make_anew(),
            Incident::Move {
                partition,
                member,
                lost,
            } => {
                let partition = partition % self.partitions.len() as i32;
                return self.move_to(partition, member % self.members_max, lost);
            }
        }
        None
    }

    /// Gives a partition that nobody has to the member that shall have it, once that runs.
    pub(crate) fn assign(&mut self, partition: i32) {
        let state = &mut self.partitions[partition as usize];
        let taker = self
            .members
            .iter_mut()
            .find(|(_, member)| member.index == state.target && !member.is_stopping());
        let (None, Some((&process, member))) = (state.owner, taker) else {
            return;
        };
        self.assignments += 1;
        let owner = Owner {
            process,
            assignment: self.assignments,
        };
        state.owner = Some(owner);
        member.assign(partition, owner.assignment, state.committed);
        self.report.note("assigned", || {
            let from = state.committed.unwrap_or(0);
            format!("p{partition} from {from} to {}", member.name(process))
        });
    }

    /// The group wants this member to have it. An owner that is there gives it back first; one that is taken for dead is asked
    /// nothing.
    fn move_to(&mut self, partition: i32, target: usize, lost: Option<u32>) -> Option<Loss> {
        let state = &mut self.partitions[partition as usize];
        state.target = target;
        let Some(owner) = state.owner else {
            self.assign(partition);
            return None;
        };
        let member = self
            .members
            .get_mut(&owner.process)
            .expect("an owner lives");
        let name = member.name(owner.process);
        let what = || format!("p{partition} from {name}, for member {target}");
        let Some(told_after_ms) = lost else {
            self.report.note("asked back", what);
            member.order(Order::GiveBack { partition });
            return None;
        };
        self.report.note("taken away untold", what);
        state.owner = None;
        let loss = Loss {
            owner,
            partition,
            told_after_ms,
        };
        if member.index == target {
            // It learns of the loss with the new assignment at the latest.
            self.tell(&loss);
        }
        self.assign(partition);
        Some(loss)
    }

    /// Whoever lost a partition stops reading it, and does not commit: it has no say any more.
    pub(crate) fn tell(&mut self, loss: &Loss) {
        let Loss {
            owner, partition, ..
        } = *loss;
        if let Some(member) = self.members.get_mut(&owner.process)
            && member.revoke(partition, owner.assignment)
        {
            let name = member.name(owner.process);
            self.report.note("told that it is lost", || {
                format!("p{partition}, to {name}")
            });
        }
    }

    fn make_anew(&mut self) {
        self.topic += 1;
        self.report.note("made anew", || {
            format!("the topic is number {} now", self.topic)
        });
        for member in self.members.values_mut() {
            member.begin_anew();
        }
        for partition in &mut self.partitions {
            partition.records.clear();
            (partition.committed, partition.owner) = (None, None);
        }
        self.assign_all();
    }

    pub(crate) fn assign_all(&mut self) {
        for partition in 0..self.partitions.len() {
            self.assign(partition as i32);
        }
    }

    /// Commits what a process may commit, of one partition or of all that it has.
    pub(crate) fn commit(&mut self, process: u64, only: Option<i32>) {
        let committable = self.committable(process, only);
        if committable.is_empty() {
            return;
        }
        let name = self.members[&process].name(process);
        if !self.commits.next().unwrap_or(true) {
            self.report
                .note("a commit is lost", || format!("{committable:?} of {name}"));
            return;
        }
        for (partition, position) in committable {
            let owner = self.members[&process].owner(process, partition);
            let is_heard = self.partitions[partition as usize].owner == owner;
            let kind = if is_heard {
                "committed"
            } else {
                "a commit of an old owner is refused"
            };
            self.report
                .note(kind, || format!("p{partition} up to {position} by {name}"));
            if is_heard {
                self.keep(partition, position);
            }
        }
    }

    /// Asks first what is kept, as the subscription does.
    fn committable(&mut self, process: u64, only: Option<i32>) -> Vec<(i32, i64)> {
        let member = self.members.get_mut(&process).expect("who commits lives");
        let assigned: Vec<_> = member.positions.assigned().collect();
        let is_asked = |partition: &i32| only.is_none_or(|only| only == *partition);
        for partition in assigned.into_iter().filter(is_asked) {
            let committed = self.partitions[partition as usize].committed;
            if !member.positions.kept(partition, committed) {
                let name = member.name(process);
                self.report.violate(format!(
                    "the position of p{partition} was lost, and {name} reads on"
                ));
            }
        }
        let mut committable = member.positions.committable();
        committable.retain(|(partition, _)| is_asked(partition));
        committable
    }

    /// The rule of rules: everything before a position that is kept has had its effect.
    fn keep(&mut self, partition: i32, position: i64) {
        let state = &self.partitions[partition as usize];
        let (end, kept) = (state.end(), state.committed);
        let mut before = state
            .records
            .iter()
            .take_while(|record| record.place.offset < position);
        if let Some(record) = before.find(|record| !self.is_settled(record)) {
            self.report.violate(format!("p{partition} is committed up to {position}, but {record} is neither stored nor a dead letter"));
        }
        if position > end || kept.is_some_and(|kept| position < kept) {
            self.report.violate(format!("p{partition} is committed up to {position}: it ends at {end}, and {kept:?} was kept"));
        }
        self.partitions[partition as usize].committed = Some(position);
    }
}
