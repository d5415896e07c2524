//! Which records of each assigned partition are done, and therefore which position may be committed. Pure.
//!
//! Invariant: a position is committable only when everything before it, of the same assignment, is done. Memory holds one
//! entry for each record that was taken and is not done, however far the others have gone on.

use std::collections::BTreeMap;

use purchase::Timestamp;

/// The positions of one member in one topic.
#[derive(Debug, Default)]
pub struct Positions {
    partitions: BTreeMap<i32, Partition>,
}

#[derive(Debug, Default)]
struct Partition {
    assignment: u64,
    /// Taken from the broker and not done, by offset.
    undone: BTreeMap<i64, Timestamp>,
    /// How many of them are in the hands of the caller.
    in_flight: usize,
    /// The offset after the last record that was taken.
    end: Option<i64>,
    /// The position that the brokers said they keep.
    kept: Option<i64>,
}

/// How a record follows the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It is taken, and belongs to this assignment.
    Taken { assignment: u64 },
    /// Its partition is not assigned: whoever has it now gets the record.
    Foreign,
    /// The log went back: what is known of its records no longer holds.
    Back { expected: i64 },
}

impl Positions {
    /// A partition is this member's from now on, with nothing known of it. The number of the assignment is a new one.
    pub fn assign(&mut self, partition: i32, assignment: u64) {
        let assigned = Partition {
            assignment,
            ..Partition::default()
        };
        self.partitions.insert(partition, assigned);
    }

    /// A partition is somebody else's: what is still in flight will be delivered to them again.
    pub fn revoke(&mut self, partition: i32) {
        self.partitions.remove(&partition);
    }

    /// All partitions are somebody else's.
    pub fn revoke_all(&mut self) {
        self.partitions.clear();
    }

    /// The partitions of this member, in ascending order.
    pub fn assigned(&self) -> impl Iterator<Item = i32> {
        self.partitions.keys().copied()
    }

    /// A record came from the broker. Offsets may leave gaps: compaction and transactions do.
    pub fn take(&mut self, partition: i32, offset: i64, recorded_at: Timestamp) -> Step {
        let Some(partition) = self.partitions.get_mut(&partition) else {
            return Step::Foreign;
        };
        if let Some(expected) = partition.end
            && offset < expected
        {
            return Step::Back { expected };
        }
        partition.end = Some(offset + 1);
        partition.undone.insert(offset, recorded_at);
        Step::Taken {
            assignment: partition.assignment,
        }
    }

    /// A record that was taken is in the hands of the caller.
    pub fn hand_out(&mut self, partition: i32, assignment: u64) {
        if let Some(partition) = self.current(partition, assignment) {
            partition.in_flight += 1;
        }
    }

    /// The effect of a record that was handed out is durable. What an older assignment handed out changes nothing, nor does
    /// saying it twice.
    pub fn done(&mut self, partition: i32, assignment: u64, offset: i64) {
        if let Some(partition) = self.current(partition, assignment)
            && partition.undone.remove(&offset).is_some()
        {
            partition.in_flight = partition.in_flight.saturating_sub(1);
        }
    }

    /// Positions that may be committed and are not kept yet. The first one of an assignment is where it began, so that the
    /// brokers keep a position from then on, and [`Self::kept`] notices when they lose it.
    #[must_use]
    pub fn committable(&self) -> Vec<(i32, i64)> {
        self.partitions
            .iter()
            .filter_map(|(partition, state)| {
                let position = state.position()?;
                (state.kept != Some(position)).then_some((*partition, position))
            })
            .collect()
    }

    /// The brokers say what they keep for this partition. Answers false when they kept a position earlier in this assignment
    /// and keep none now: a topic that is deleted takes its positions along.
    pub fn kept(&mut self, partition: i32, position: Option<i64>) -> bool {
        let Some(partition) = self.partitions.get_mut(&partition) else {
            return true;
        };
        let lost = partition.kept.is_some() && position.is_none();
        if !lost {
            partition.kept = position;
        }
        !lost
    }

    /// The position that the brokers said they keep for this partition.
    #[must_use]
    pub fn kept_of(&self, partition: i32) -> Option<i64> {
        self.partitions.get(&partition)?.kept
    }

    /// How many records of these partitions were handed out and are not done.
    #[must_use]
    pub fn in_flight_of(&self, partitions: &[i32]) -> usize {
        let states = partitions
            .iter()
            .filter_map(|partition| self.partitions.get(partition));
        states.map(|state| state.in_flight).sum()
    }

    /// How many records were handed out and are not done.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.partitions.values().map(|state| state.in_flight).sum()
    }

    /// When the record came into the log that holds up a position longest.
    #[must_use]
    pub fn oldest(&self) -> Option<Timestamp> {
        let heads = self.partitions.values();
        heads
            .filter_map(|state| state.undone.values().next())
            .min()
            .copied()
    }

    /// Whether this is the assignment with which this member has the partition now.
    #[must_use]
    pub fn is_current(&self, partition: i32, assignment: u64) -> bool {
        let state = self.partitions.get(&partition);
        state.is_some_and(|state| state.assignment == assignment)
    }

    fn current(&mut self, partition: i32, assignment: u64) -> Option<&mut Partition> {
        self.partitions
            .get_mut(&partition)
            .filter(|state| state.assignment == assignment)
    }
}

impl Partition {
    /// The end of the prefix in which everything is done.
    fn position(&self) -> Option<i64> {
        self.undone.keys().next().copied().or(self.end)
    }
}

#[cfg(test)]
mod tests;
