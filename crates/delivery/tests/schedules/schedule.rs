//! What a run leaves to chance: what is in the log, what happens to the processes, and what each call comes to.

use std::time::Duration;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::record::What;

/// One run, completely: the same schedule always runs the same.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Schedule {
    pub(crate) road: Road,
    pub(crate) partitions: i32,
    pub(crate) members: usize,
    /// Of each process; on the KafkaSource's road one does all the work.
    pub(crate) workers: usize,
    pub(crate) batch_max: usize,
    /// When, in milliseconds since the beginning, and into which partition.
    pub(crate) records: Vec<(u32, i32, What)>,
    pub(crate) incidents: Vec<(u32, Incident)>,
    /// What the calls come to, one after another; those that are not in the list go well.
    pub(crate) writes: Vec<Turn>,
    pub(crate) burials: Vec<Turn>,
    pub(crate) posts: Vec<Turn>,
    /// Whether commits are kept.
    pub(crate) commits: Vec<bool>,
    /// Seed of the pauses' jitter.
    pub(crate) jitter: u64,
}

/// Who delivers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Road {
    /// Workers take batches and settle them.
    Consumer,
    /// Single events go to a sink, which records them in groups. Then they are dead.
    KafkaSource { retries: u32 },
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Incident {
    /// Everything in memory is lost; what was sent arrives all the same.
    Crash { member: usize },
    /// Finishes what is in hand, commits and ends.
    Stop { member: usize },
    /// The group gives a partition to a member, perhaps to the same one again. `lost`: the old one learns of it only after so
    /// many milliseconds.
    Move {
        partition: i32,
        member: usize,
        lost: Option<u32>,
    },
    /// The topic is deleted and made anew: other records have the old offsets.
    Anew,
}

/// What comes of the next calls.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Turn {
    pub(crate) times: u32,
    /// Until it has its effect, if it has one, and from then until the answer.
    pub(crate) before_ms: u32,
    pub(crate) after_ms: u32,
    pub(crate) fault: Fault,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Fault {
    None,
    /// Nothing was done, and it may pass.
    Away,
    /// Nothing was done, and it does not pass until somebody mends it.
    Permanent,
    /// It was done, and nobody is told.
    Lost,
    /// Each purchase of a batch has a fate of its own, by two bits.
    Mixed(u64),
    /// The last purchase of a batch is forgotten: it is neither done nor answered.
    Short,
    /// The driver panics after it was done.
    Panic,
    /// Somebody before the sink answers with this status.
    Status(u16),
}

impl Turn {
    /// What comes of calls of which the schedule says nothing.
    pub(crate) const GOOD: Self = Self {
        times: 1,
        before_ms: 0,
        after_ms: 0,
        fault: Fault::None,
    };

    /// How long these calls and the pauses after them may take.
    fn span_ms(&self) -> u64 {
        u64::from(self.times) * (u64::from(self.before_ms + self.after_ms) + PAUSE_MAX_MS)
    }
}

/// The longest pause of anybody after a failure, and the time in which a process is started again.
const PAUSE_MAX_MS: u64 = 2_500;

impl Schedule {
    /// When everything must be done, however everything adds up: all happened, each call of the schedule was made on its own,
    /// and whoever gave partitions back waited as long as that is allowed.
    pub(crate) fn patience(&self) -> Duration {
        let times = self.records.iter().map(|(at, ..)| *at);
        let last = times.chain(self.incidents.iter().map(|(at, _)| *at)).max();
        let turns = self.writes.iter().chain(&self.burials).chain(&self.posts);
        let calls: u64 = turns.map(Turn::span_ms).sum();
        let waits = 10_000 * (1 + self.incidents.len() + self.commits.len());
        Duration::from_millis(u64::from(last.unwrap_or(0)) + calls + waits as u64)
    }
}

/// Schedules for workers and their settler.
pub(crate) fn consumer() -> impl Strategy<Value = Schedule> {
    schedule(
        Just(Road::Consumer),
        vec(turn(write_fault()), 0..7),
        Just(Vec::new()),
    )
}

/// Schedules for single deliveries to a sink. As many retries as the product in one process has, or so few that they are used
/// up.
pub(crate) fn kafka_source() -> impl Strategy<Value = Schedule> {
    let retries = prop_oneof![3 => Just(u32::MAX), 1 => 0..6_u32];
    schedule(
        retries.prop_map(|retries| Road::KafkaSource { retries }),
        vec(turn(write_fault()), 0..5),
        vec(turn(post_fault()), 0..7),
    )
}

fn schedule(
    road: impl Strategy<Value = Road>,
    writes: impl Strategy<Value = Vec<Turn>>,
    posts: impl Strategy<Value = Vec<Turn>>,
) -> impl Strategy<Value = Schedule> {
    let sizes = (1..=3_i32, 1..=2_usize, 1..=3_usize, 1..=4_usize);
    let happenings = (
        vec((at_ms(), 0..3_i32, what()), 1..14),
        vec((at_ms(), incident()), 0..7),
    );
    let calls = (
        writes,
        vec(turn(burial_fault()), 0..5),
        posts,
        vec(any::<bool>(), 0..4),
    );
    (road, sizes, happenings, calls, any::<u64>()).prop_map(
        |(road, sizes, (records, incidents), (writes, burials, posts, commits), jitter)| Schedule {
            road,
            partitions: sizes.0,
            members: sizes.1,
            workers: sizes.2,
            batch_max: sizes.3,
            records,
            incidents,
            writes,
            burials,
            posts,
            commits,
            jitter,
        },
    )
}

/// Often at once, mostly soon, sometimes when other things have long begun.
fn at_ms() -> impl Strategy<Value = u32> {
    prop_oneof![3 => Just(0), 3 => 0..300_u32, 2 => 0..10_000_u32]
}

/// Few purchases, so that many records are of the same one; now and then one with other content.
fn what() -> impl Strategy<Value = What> {
    let content = prop_oneof![4 => Just(0_u8), 1 => Just(1_u8)];
    prop_oneof![
        7 => (0..5_u8, content).prop_map(|(id, content)| What::Purchase { id, content }),
        1 => Just(What::Undecodable),
    ]
}

fn incident() -> impl Strategy<Value = Incident> {
    let member = 0..2_usize;
    let notice = option::of(prop_oneof![0..200_u32, 0..10_000_u32]);
    prop_oneof![
        3 => member.clone().prop_map(|member| Incident::Crash { member }),
        1 => member.clone().prop_map(|member| Incident::Stop { member }),
        4 => (0..3_i32, member, notice)
            .prop_map(|(partition, member, lost)| Incident::Move { partition, member, lost }),
        1 => Just(Incident::Anew),
    ]
}

fn turn(fault: impl Strategy<Value = Fault>) -> impl Strategy<Value = Turn> {
    let times = prop_oneof![5 => Just(1_u32), 2 => 2..5_u32, 1 => 5..30_u32];
    (times, takes_ms(), takes_ms(), fault).prop_map(|(times, before_ms, after_ms, fault)| Turn {
        times,
        before_ms,
        after_ms,
        fault,
    })
}

fn takes_ms() -> impl Strategy<Value = u32> {
    prop_oneof![6 => Just(0), 3 => 1..100_u32, 1 => 1_000..15_000_u32]
}

fn write_fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        2 => Just(Fault::None),
        3 => Just(Fault::Away),
        1 => Just(Fault::Permanent),
        3 => Just(Fault::Lost),
        3 => any::<u64>().prop_map(Fault::Mixed),
        1 => Just(Fault::Short),
        1 => Just(Fault::Panic),
    ]
}

fn burial_fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        2 => Just(Fault::None),
        3 => Just(Fault::Away),
        1 => Just(Fault::Permanent),
        3 => Just(Fault::Lost),
        1 => Just(Fault::Panic),
    ]
}

fn post_fault() -> impl Strategy<Value = Fault> {
    let status = proptest::sample::select(vec![404, 408, 409, 429, 500, 502, 503, 504]);
    prop_oneof![
        2 => Just(Fault::None),
        3 => Just(Fault::Away),
        3 => Just(Fault::Lost),
        2 => status.prop_map(Fault::Status),
    ]
}
