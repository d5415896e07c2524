//! The state machine of the delivery (batches, retries, positions, dead letters) under thousands of random schedules of
//! failures, on a log, a store and a clock that are simulated.
//!
//! What runs is what runs in production: [`delivery::work`] with its settler, positions and progress; [`delivery::deliver`] with
//! the recorder behind it. Around it everything follows from a [`schedule::Schedule`], so the same seed runs the same, and a
//! schedule that breaks a rule is made as small as it gets before it is shown. The rules are in [`judge`] and [`log`].
//!
//! `TEST_SEED=… cargo test --release -p delivery --test schedules` repeats a run; `SCHEDULES=…` says how many there are.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

mod flaw;
mod handout;
mod judge;
mod listing;
mod log;
mod member;
mod process;
mod record;
mod report;
mod run;
mod schedule;
mod shrink;
mod sink;
mod store;
mod world;

use std::cell::RefCell;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use testkit::random::Random;

use flaw::Flaw;
use report::{Counts, Report};
use run::run;
use schedule::Schedule;
use shrink::shrink;
use store::Store;
use world::World;

/// In CI, on each road.
const SCHEDULES: u32 = 10_000;

/// What must have happened in some schedule, or the test says nothing about it.
const CONSUMER_EVIDENCE: [&str; 18] = [
    "store: away",
    "store: no permission",
    "store: written, and the answer is lost",
    "store: written in part",
    "store: forgets the last one",
    "store: written, and the driver panics",
    "dead letters: away",
    "dead letters: no permission",
    "dead letters: kept, and the answer is lost",
    "dead letters: kept, and the driver panics",
    "killed with records in hand",
    "told to stop",
    "given back with records in hand",
    "taken away untold",
    "made anew",
    "done after its partition was taken away",
    "a commit is lost",
    "a commit of an old owner is refused",
];
const KAFKA_SOURCE_EVIDENCE: [&str; 8] = [
    "sink: no connection",
    "sink: the answer is lost",
    "store: written in part",
    "store: written, and the driver panics",
    "dead letters: away",
    "killed with records in hand",
    "done after its partition was taken away",
    "a commit of an old owner is refused",
];

#[test]
fn workers_settle_every_record_whatever_fails() {
    holds(schedule::consumer(), &CONSUMER_EVIDENCE);
}

#[test]
fn single_deliveries_settle_every_record_whatever_fails() {
    holds(schedule::kafka_source(), &KAFKA_SOURCE_EVIDENCE);
}

#[test]
fn a_worker_that_makes_a_mistake_is_found_out_by_a_small_schedule() {
    let mut draw = Draw::of(schedule::consumer());
    for flaw in Flaw::ALL {
        let schedule = smallest(&mut draw, SCHEDULES, |schedule| {
            run(schedule, Some(flaw), false)
        });
        let schedule = schedule.unwrap_or_else(|| panic!("{flaw:?} was not found out"));
        let lines = schedule.to_string().lines().count();
        assert!(
            lines <= 5,
            "{flaw:?} is shown in {lines} lines:\n{schedule}"
        );
        println!("{flaw:?}: {}", shown(&schedule, Some(flaw)));
    }
}

#[test]
fn a_schedule_always_runs_the_same() {
    for mut draw in [
        Draw::of(schedule::consumer()),
        Draw::of(schedule::kafka_source()),
    ] {
        for _ in 0..200 {
            let schedule = draw.next();
            let [first, second] = [(); 2].map(|()| run(&schedule, None, true).lines);
            assert_eq!(first, second, "{schedule}");
        }
    }
}

#[tokio::test]
async fn the_simulated_store_keeps_the_contract_of_its_port() {
    let nothing_fails = Schedule {
        writes: Vec::new(),
        ..Draw::of(schedule::consumer()).next()
    };
    let store = Store {
        world: World::new(nothing_fails, None, false),
        process: 0,
    };
    testkit::contract::writer::run(&store, &store).await;
}

/// Runs schedules until one breaks a rule, and shows the smallest that does.
#[expect(
    clippy::print_stdout,
    reason = "the test runner shows it with the failure"
)]
fn holds(schedules: impl Strategy<Value = Schedule> + 'static, evidence: &[&'static str]) {
    let counts = RefCell::new(Counts::new());
    let number = schedules_wanted();
    let broken = smallest(&mut Draw::of(schedules), number, |schedule| {
        let report = run(schedule, None, false);
        for (kind, count) in &report.counts {
            *counts.borrow_mut().entry(kind).or_default() += count;
        }
        report
    });
    if let Some(schedule) = broken {
        panic!("{}", shown(&schedule, None));
    }
    let counts = counts.into_inner();
    println!("{number} schedules: {counts:#?}");
    let missing: Vec<_> = evidence
        .iter()
        .filter(|kind| !counts.contains_key(*kind))
        .collect();
    assert!(
        missing.is_empty() || number < SCHEDULES,
        "never happened in {number} schedules: {missing:?}"
    );
}

/// The first of so many schedules that breaks a rule, if there is one, made small.
fn smallest(draw: &mut Draw, number: u32, run: impl Fn(&Schedule) -> Report) -> Option<Schedule> {
    let breaks = |schedule: &Schedule| run(schedule).violation.is_some();
    let found = (0..number).map(|_| draw.next()).find(breaks)?;
    Some(shrink(found, breaks))
}

/// The schedule, and what happens in it.
fn shown(schedule: &Schedule, flaw: Option<Flaw>) -> String {
    let report = run(schedule, flaw, true);
    let violation = report.violation.unwrap_or_default();
    let lines = report.lines.unwrap_or_default().join("\n");
    format!(
        "{violation}\n\nthe smallest schedule that was found, by the TEST_SEED above:\n{schedule}\nwhat happens in it:\n{lines}\n"
    )
}

/// Random schedules, the same ones for the same seed.
struct Draw {
    schedules: BoxedStrategy<Schedule>,
    runner: TestRunner,
}

impl Draw {
    fn of(schedules: impl Strategy<Value = Schedule> + 'static) -> Self {
        let mut random = Random::from_env();
        let seed: Vec<u8> = (0..4).flat_map(|_| random.number().to_le_bytes()).collect();
        let random = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
        Self {
            schedules: schedules.boxed(),
            runner: TestRunner::new_with_rng(Config::default(), random),
        }
    }

    fn next(&mut self) -> Schedule {
        self.schedules.new_tree(&mut self.runner).unwrap().current()
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test asks the person who runs it"
)]
fn schedules_wanted() -> u32 {
    let wanted = std::env::var("SCHEDULES")
        .ok()
        .and_then(|wanted| wanted.parse().ok());
    wanted.unwrap_or(SCHEDULES)
}
