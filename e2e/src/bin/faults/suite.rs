//! Which rows run, which of them at the same time, and what came of them.

use std::any::Any;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use e2e::Servers;
use testkit::random::Random;
use tokio::runtime::Handle;
use tokio::time::Instant;

use crate::report::{HEADING, Line, Outcome, Report};
use crate::rows::{ALL, Case, Lane, Row};

/// A row that does not end by itself. None comes near it, the soak aside.
const ROW_MAX: Duration = Duration::from_secs(15 * 60);

/// The rows that were asked for.
pub(crate) fn choose(numbers: &[u8], nightly: bool) -> Result<Vec<&'static Row>, String> {
    let known: BTreeSet<u8> = ALL.iter().flat_map(|row| row.numbers).copied().collect();
    if let Some(unknown) = numbers.iter().find(|number| !known.contains(number)) {
        return Err(format!("there is no row {unknown}; --list shows all"));
    }
    // One that runs at night only needs no word about it; of one that has a longer form, the night has both.
    let by_day = |number: &u8| {
        ALL.iter()
            .any(|row| !row.nightly && row.numbers.contains(number))
    };
    let is_meant = |row: &&Row| match numbers {
        [] => nightly || !row.nightly,
        numbers => row
            .numbers
            .iter()
            .any(|number| numbers.contains(number) && (nightly || !row.nightly || !by_day(number))),
    };
    Ok(ALL.iter().filter(is_meant).collect())
}

/// Runs the rows, those of different lanes at the same time; whether all passed.
pub(crate) async fn run(rows: Vec<&'static Row>, seed: u64, soak: Duration) -> bool {
    println!("TEST_SEED={seed}\n{HEADING}");
    let begun = Instant::now();
    let lane = |lane| {
        let rows: Vec<_> = rows
            .iter()
            .copied()
            .filter(move |row| row.lane == lane)
            .collect();
        run_lane(lane, rows, seed, soak)
    };
    let (log, store, shared) = tokio::join!(lane(Lane::Log), lane(Lane::Store), lane(Lane::Shared));
    // What measures the others' disturbance cannot have any.
    let alone = lane(Lane::Alone).await;
    let reports: Vec<_> = [log, store, shared, alone].into_iter().flatten().collect();
    let count = |outcome| {
        reports
            .iter()
            .filter(|report| report.outcome() == outcome)
            .count()
    };
    let (failed, not_exercised) = (count(Outcome::Failed), count(Outcome::NotExercised));
    println!(
        "{} passed, {failed} failed, {not_exercised} not exercised; {} s",
        count(Outcome::Passed),
        begun.elapsed().as_secs()
    );
    failed + not_exercised == 0 && !reports.is_empty()
}

/// One row after the other, on the servers of the lane.
async fn run_lane(lane: Lane, rows: Vec<&'static Row>, seed: u64, soak: Duration) -> Vec<Report> {
    if rows.is_empty() {
        return Vec::new();
    }
    let servers = match lane {
        Lane::Log | Lane::Store => tokio::task::spawn_blocking(Servers::own).await.unwrap(),
        Lane::Shared | Lane::Alone => Servers::shared(),
    };
    let servers = Arc::new(servers);
    let mut reports = Vec::new();
    for row in rows {
        if servers.are_own() {
            // A row that stopped in the middle may have left them stopped.
            servers.run_async(&["up"]).await;
        }
        reports.extend(run_row(row, servers.clone(), seed, soak).await);
    }
    reports
}

async fn run_row(
    row: &'static Row,
    servers: Arc<Servers>,
    seed: u64,
    soak: Duration,
) -> Vec<Report> {
    let begun = Instant::now();
    // Of its own, so that a row does the same alone as among the others.
    let random = Random::seeded(seed ^ u64::from(row.numbers[0]));
    let case = Case {
        servers,
        random,
        soak,
    };
    let handle = Handle::current();
    let task = tokio::task::spawn_blocking(move || handle.block_on((row.run)(case)));
    let reports = match tokio::time::timeout(ROW_MAX + soak, task).await {
        Ok(Ok(reports)) => reports,
        Ok(Err(error)) => broken(row, &text_of(&*error.into_panic())),
        Err(_) => broken(row, &format!("it did not end within {ROW_MAX:?}")),
    };
    let took = begun.elapsed();
    for report in &reports {
        println!("{}", Line { report, seed, took });
        for problem in report.problems() {
            println!("     row {}: {problem}", report.row);
        }
    }
    reports
}

/// Nothing is known of any of its numbers.
fn broken(row: &Row, problem: &str) -> Vec<Report> {
    let numbers = row.numbers.iter();
    numbers
        .map(|number| Report::broken(*number, problem.to_owned()))
        .collect()
}

/// What a panic said.
pub(crate) fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("it panicked")
        .to_owned()
}
