//! How records go to a process and come back as done, and how it gives a partition back: what the subscription of `kafka-log`
//! does, around the same positions.

use delivery::Step;

use crate::log::Owner;
use crate::member::Order;
use crate::record::{Taken, list};
use crate::world::State;

/// Records that a process reads ahead.
const BUFFER_MAX: usize = 4;

impl State {
    pub(crate) fn wake_readers(&self) {
        for member in self.members.values() {
            member.signals.arrived.notify_waiters();
        }
    }

    pub(crate) fn next_order(&mut self, process: u64) -> Option<Order> {
        self.members.get_mut(&process)?.orders.pop_front()
    }

    /// At least one record, none if the process stops; `None` when it has to wait.
    pub(crate) fn next(&mut self, process: u64, max: usize) -> Option<Vec<Taken>> {
        if self.members.get(&process)?.stopping {
            return Some(Vec::new());
        }
        self.fetch(process);
        let member = self.members.get_mut(&process)?;
        let handed: Vec<_> = member
            .buffer
            .drain(..max.min(member.buffer.len()))
            .collect();
        for Taken { record, assignment } in &handed {
            member
                .positions
                .hand_out(record.place.partition, *assignment);
            member.in_hand.insert((*assignment, record.place));
            if !self.handed_out.insert(record.place) {
                self.report.note("handed out again", || record);
            }
        }
        if handed.is_empty() {
            return None;
        }
        let name = member.name(process);
        self.report.note("taken", || {
            format!(
                "{} by {name}",
                list(handed.iter().map(|taken| &taken.record))
            )
        });
        Some(handed)
    }

    /// Reads ahead what there is room for.
    fn fetch(&mut self, process: u64) {
        let member = self.members.get_mut(&process).expect("who reads lives");
        if member.giving_back {
            return;
        }
        for (partition, next) in &mut member.fetched {
            let records = &self.partitions[*partition as usize].records;
            while member.buffer.len() < BUFFER_MAX
                && let Some(record) = records.get(*next as usize)
            {
                *next += 1;
                match member
                    .positions
                    .take(*partition, record.place.offset, record.recorded_at)
                {
                    Step::Taken { assignment } => member.buffer.push_back(Taken {
                        record: record.clone(),
                        assignment,
                    }),
                    step @ (Step::Foreign | Step::Back { .. }) => {
                        self.report
                            .violate(format!("{record} was not taken: {step:?}"));
                    }
                }
            }
        }
    }

    /// A process says that the effect of a record is durable.
    pub(crate) fn done(&mut self, process: u64, taken: &Taken) {
        let Taken { record, assignment } = taken;
        let is_settled = self.is_settled(record);
        let member = self.members.get_mut(&process).expect("who works lives");
        let is_current = member
            .positions
            .is_current(record.place.partition, *assignment);
        let kind = if is_current {
            "done"
        } else {
            "done after its partition was taken away"
        };
        self.report
            .note(kind, || format!("{record} by {}", member.name(process)));
        if !is_settled {
            self.report.violate(format!(
                "{record} is said to be done, and is neither stored nor a dead letter"
            ));
        }
        if !member.in_hand.remove(&(*assignment, record.place)) {
            self.report.violate(format!(
                "{record} is said to be done by somebody who does not have it"
            ));
        }
        member
            .positions
            .done(record.place.partition, *assignment, record.place.offset);
        let (counted, expected) = (member.positions.in_flight(), member.in_flight());
        if counted != expected {
            self.report.violate(format!(
                "{counted} records count as in flight, and {expected} are"
            ));
        }
        member.done += 1;
        member.signals.done.notify_one();
    }

    /// The process polls no more until this partition is given back. Answers with its assignment, if it still has it.
    pub(crate) fn begin_to_give_back(&mut self, process: u64, partition: i32) -> Option<u64> {
        let member = self.members.get_mut(&process)?;
        let assignment = *member.assignments.get(&partition)?;
        member.giving_back = true;
        member.drop_buffered(partition, assignment);
        Some(assignment)
    }

    pub(crate) fn give_back(&mut self, owner: Owner, partition: i32) {
        let Owner {
            process,
            assignment,
        } = owner;
        let member = self
            .members
            .get_mut(&process)
            .expect("who gives back lives");
        member.giving_back = false;
        if member.positions.is_current(partition, assignment) {
            let in_flight = member.positions.in_flight_of(&[partition]);
            let name = member.name(process);
            let kind = if in_flight == 0 {
                "given back"
            } else {
                "given back with records in hand"
            };
            self.report.note(kind, || format!("p{partition} by {name}"));
            self.commit(process, Some(partition));
            let member = self
                .members
                .get_mut(&process)
                .expect("it did not go in between");
            member.revoke(partition, assignment);
        }
        let state = &mut self.partitions[partition as usize];
        state.owner.take_if(|current| *current == owner);
        self.assign(partition);
        self.wake_readers();
    }
}
