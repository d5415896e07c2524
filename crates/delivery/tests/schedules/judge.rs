//! The rules: what must hold at every step, and what at the end.

use std::collections::BTreeMap;
use std::time::Duration;

use delivery::{Pace, Progress};
use purchase::event::{Reason, Rejection};
use tokio::time::Instant;

use crate::member::Member;
use crate::record::{Place, Record, Taken, What};
use crate::schedule::Road;
use crate::world::State;

/// What failed in a process, and when: whoever tries again has to wait between.
#[derive(Debug)]
pub(crate) struct Failures {
    began: Instant,
    writes: u32,
    /// By assignment and place: the same record may be in hand twice.
    burials: BTreeMap<(u64, Place), Instant>,
}

impl Default for Failures {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            writes: 0,
            burials: BTreeMap::new(),
        }
    }
}

/// The least that a settler waits after a failure.
fn pause_min() -> Duration {
    Pace::new(|| [0; 10]).first / 2
}

impl State {
    /// Whether the effect of a record is durable.
    pub(crate) fn is_settled(&self, record: &Record) -> bool {
        self.is_stored(record) || self.letters.contains_key(&record.place)
    }

    /// Whether the store holds what is in the record, from whatever record it came.
    fn is_stored(&self, record: &Record) -> bool {
        let purchase = record.purchase.as_ref();
        purchase.is_some_and(|purchase| {
            let stored = self.documents.get(&purchase.id);
            stored.is_some_and(|stored| stored.same_content(purchase))
        })
    }

    /// Whether there is nothing left to do for anybody.
    pub(crate) fn is_quiet(&self) -> bool {
        let is_committed = |records: &[Record], committed: Option<i64>| {
            records.is_empty() || committed == Some(records.len() as i64)
        };
        self.members.len() == self.members_max
            && self
                .members
                .values()
                .all(|member| member.is_idle() && !member.is_stopping())
            && self.partitions.iter().all(|partition| {
                partition.owner.is_some() && is_committed(&partition.records, partition.committed)
            })
    }

    /// What must hold when everything is quiet.
    pub(crate) fn judge(&mut self) {
        let records = self
            .partitions
            .iter()
            .flat_map(|partition| &partition.records);
        let records = records.filter_map(|record| self.misplaced(record));
        let members = self.members.iter().filter_map(|(process, member)| {
            let what = self.misshown(member)?;
            Some(format!("{} {what}", member.name(*process)))
        });
        if let Some(breach) = records.chain(members).next() {
            self.report.violate(format!("at the end, {breach}"));
        }
    }

    /// Where a record is that has come to the wrong place in the end.
    fn misplaced(&self, record: &Record) -> Option<String> {
        use Reason::{Conflict, Malformed, RetriesExhausted};
        let (stored, letter) = (self.is_stored(record), self.letters.get(&record.place));
        let is_right = match record.what {
            What::Purchase { .. } if stored => matches!(letter, None | Some(RetriesExhausted)),
            What::Purchase { .. } => matches!(letter, Some(Conflict | RetriesExhausted)),
            What::Undecodable => matches!(letter, Some(Malformed | RetriesExhausted)),
        };
        (!is_right).then(|| format!("{record}: stored {stored}, dead letter {letter:?}"))
    }

    /// What a process says of itself that is not so, when it has nothing to do.
    fn misshown(&self, member: &Member) -> Option<String> {
        let (done, counted) = (member.done, counted(&member.progress));
        if member.positions.in_flight() > 0 || is_busy(&member.progress) {
            Some("shows work in progress".to_owned())
        } else if self.road == Road::Consumer && counted != done {
            Some(format!("did {done} records and counts {counted}"))
        } else {
            None
        }
    }

    /// The gauges of a process that has ended, however it did.
    pub(crate) fn judge_ended(&mut self, process: u64) {
        let member = self.members.get(&process).expect("it has not left yet");
        if is_busy(&member.progress) {
            self.report.violate(format!(
                "{} has ended and shows work in progress",
                member.name(process)
            ));
        }
    }

    /// Only what can never be stored becomes a dead letter, and the letter says why.
    pub(crate) fn judge_burial(&mut self, record: &Record, rejection: &Rejection) {
        let may_be_exhausted =
            matches!(self.road, Road::KafkaSource { retries } if retries < u32::MAX);
        let is_right = match rejection.reason {
            Reason::Malformed => record.what == What::Undecodable,
            Reason::Conflict => {
                record
                    .purchase
                    .as_ref()
                    .is_some_and(|purchase| self.documents.contains_key(&purchase.id))
                    && !self.is_stored(record)
            }
            Reason::RetriesExhausted => may_be_exhausted,
            Reason::UnknownType | Reason::Invalid | Reason::TooLarge => false,
        };
        if !is_right {
            self.report
                .violate(format!("{record} becomes a dead letter: {rejection}"));
        }
    }

    /// A delivery that was not refused is dead after all its attempts and not before.
    pub(crate) fn judge_dead(
        &mut self,
        record: &Record,
        reason: Reason,
        attempts: u32,
        retries: u32,
    ) {
        if reason == Reason::RetriesExhausted && attempts != retries.saturating_add(1) {
            self.report.violate(format!(
                "{record} is given up after {attempts} attempts, with {retries} retries"
            ));
        }
    }

    /// A batch was not stored, or not all of it. So many of them at once cannot fail oftener than each worker once a pause.
    pub(crate) fn judge_pace_of_writes(&mut self, process: u64, workers: usize) {
        let Some(Failures { began, writes, .. }) = self
            .members
            .get_mut(&process)
            .map(|member| &mut member.failures)
        else {
            return;
        };
        *writes += 1;
        let pauses = began.elapsed().as_millis() / pause_min().as_millis();
        if u128::from(*writes) > workers as u128 * (1 + pauses) {
            let writes = *writes;
            let elapsed = began.elapsed();
            self.report.violate(format!(
                "{writes} writes of {workers} workers failed within {elapsed:?}: nobody pauses"
            ));
        }
    }

    pub(crate) fn burial_failed(&mut self, process: u64, taken: &Taken) {
        if let Some(member) = self.members.get_mut(&process) {
            let key = (taken.assignment, taken.record.place);
            member.failures.burials.insert(key, Instant::now());
        }
    }

    pub(crate) fn judge_pace_of_burials(&mut self, process: u64, taken: &Taken) {
        let failed = self.members.get(&process).and_then(|member| {
            member
                .failures
                .burials
                .get(&(taken.assignment, taken.record.place))
        });
        if let Some(elapsed) = failed
            .map(Instant::elapsed)
            .filter(|elapsed| *elapsed < pause_min())
        {
            self.report.violate(format!(
                "the burial of {} is repeated after {elapsed:?}",
                taken.record
            ));
        }
    }

    /// For people: what is not as it should be in the end.
    pub(crate) fn unfinished(&self) -> String {
        let partitions = self.partitions.iter().enumerate();
        let partitions = partitions.map(|(number, partition)| {
            let (committed, end, owner) = (partition.committed, partition.end(), partition.owner);
            format!("p{number} ends at {end}, committed {committed:?}, owner {owner:?}")
        });
        let members = self.members.iter().map(|(process, member)| {
            format!("{} is idle: {}", member.name(*process), member.is_idle())
        });
        partitions.chain(members).collect::<Vec<_>>().join("; ")
    }
}

/// What a process says that it dealt with.
fn counted(progress: &Progress) -> u64 {
    let dead: u64 = Reason::ALL.map(|reason| progress.dead(reason)).iter().sum();
    progress.stored() + progress.duplicates() + dead
}

fn is_busy(progress: &Progress) -> bool {
    progress.store_refuses()
        || progress.dead_letters_refuse()
        || progress.longest_call() > Duration::ZERO
}
