//! Clients that are slow on purpose: 1,000 at each function, sending a head or a body byte by byte, or taking nothing of an
//! answer.
//!
//! Good clients notice nothing: their p99 stays within twice what it is without the others, or within 5 ms more, which is
//! the noise of a machine with two processors. It is measured in turns, quiet and attacked, for up to three rounds: a function
//! passes with its best one, because a neighbour of the machine can spoil a round, but never make one better.
//! Slow ones are closed at their deadlines: ten seconds for a head or a body, thirty for an answer that is not taken.

mod clients;
mod good;

use std::time::Duration;

use e2e::Program;
use futures_util::future::join_all;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use testkit::eventually;

use self::clients::{Attack, Closed, Kind, attack};
use self::good::{Waits, good_clients};
use super::Case;
use super::functions::Functions;
use super::purchases;
use crate::report::Report;

const ROUNDS: usize = 3;
const NOISE: Duration = Duration::from_millis(5);
/// More than the buffers between a function and one who takes nothing.
const RICH: i64 = 3_000;
/// When each kind is closed: not before, and at the latest.
const HEAD: [Duration; 2] = [Duration::from_secs(9), Duration::from_secs(15)];
const READ: [Duration; 2] = [Duration::from_secs(25), Duration::from_secs(42)];
/// What 1,000 connections may cost: of a long list, each holds one page.
const GROWTH_KIB_MAX: u64 = 192 * 1024;

/// A function, and how many of each kind it gets.
struct Target<'a> {
    name: &'static str,
    program: &'a Program,
    slow: [(Kind, usize); 3],
}

/// Row 23.
pub(crate) async fn slow(case: Case) -> Vec<Report> {
    let files = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: files.maximum,
        ..files
    };
    setrlimit(Resource::Nofile, raised).unwrap();
    let functions = Functions::start(&case.servers).await;
    purchases::insert(&functions.scene, "rich", RICH).await;
    let each = functions.each().into_iter();
    let targets: Vec<_> = each
        .filter(|(name, _)| *name != "consumer")
        .map(|(name, program)| Target {
            name,
            program,
            slow: slow_at(name),
        })
        .collect();
    // Connections, pools and caches are made.
    join_all(targets.iter().map(good_clients)).await;
    let idle: Vec<_> = targets
        .iter()
        .map(|target| (target.program.rss_kib(), target.program.open_files()))
        .collect();
    let mut rounds: Vec<Vec<Round>> = targets.iter().map(|_| Vec::new()).collect();
    let attacks = loop {
        let quiet = join_all(targets.iter().map(good_clients)).await;
        let attacks = attack(&targets).await;
        let attacked = join_all(targets.iter().map(good_clients)).await;
        for ((rounds, quiet), attacked) in rounds.iter_mut().zip(quiet).zip(attacked) {
            rounds.push(Round { quiet, attacked });
        }
        let enough = rounds
            .iter()
            .all(|rounds| rounds.iter().any(Round::is_good));
        if enough || rounds[0].len() == ROUNDS {
            break attacks;
        }
        drop(attacks);
        calm(&targets, &idle).await;
    };
    let closed = join_all(attacks.into_iter().map(Attack::ended)).await;
    let peaks: Vec<_> = targets
        .iter()
        .map(|target| target.program.rss_peak_kib())
        .collect();
    calm(&targets, &idle).await;
    let mut reports = Vec::new();
    for ((((target, rounds), closed), (rss, _)), peak) in
        targets.iter().zip(rounds).zip(closed).zip(&idle).zip(peaks)
    {
        let report = judged(Report::new(23, target.name), &rounds);
        let growth = peak.saturating_sub(*rss);
        let report = report.expect(growth <= GROWTH_KIB_MAX, || {
            format!("it grew by {growth} KiB")
        });
        reports.push(all_closed(report, target, &closed).evidence("KiB at its largest", peak));
    }
    functions.stop(reports).await
}

/// storer takes 256 requests at a time and query takes no body.
fn slow_at(name: &str) -> [(Kind, usize); 3] {
    match name {
        "query" => [(Kind::Head, 600), (Kind::Body, 0), (Kind::Read, 400)],
        _ => [(Kind::Head, 400), (Kind::Body, 400), (Kind::Read, 200)],
    }
}

struct Round {
    quiet: Waits,
    attacked: Waits,
}

impl Round {
    fn is_good(&self) -> bool {
        let (quiet, attacked) = (self.quiet.p99(), self.attacked.p99());
        self.attacked.refused.is_empty()
            && attacked <= quiet.saturating_mul(2).max(quiet.saturating_add(NOISE))
    }
}

fn judged(report: Report, rounds: &[Round]) -> Report {
    let told: Vec<_> = rounds
        .iter()
        .map(|round| {
            let (quiet, attacked) = (round.quiet.p99(), round.attacked.p99());
            format!(
                "p99 {quiet:?}, attacked {attacked:?}, refused {:?}",
                round.attacked.refused
            )
        })
        .collect();
    let best = rounds
        .iter()
        .map(|round| round.attacked.p99())
        .min()
        .unwrap_or_default();
    let served = rounds
        .iter()
        .map(|round| round.attacked.waits.len() as u64)
        .sum();
    report
        .expect(rounds.iter().any(Round::is_good), || told.join("; "))
        .expect(
            rounds.iter().all(|round| round.quiet.refused.is_empty()),
            || "refused in quiet".to_owned(),
        )
        .evidence("served meanwhile", served)
        .evidence(
            "their p99 in µs",
            u64::try_from(best.as_micros()).unwrap_or_default(),
        )
}

/// Waits until the slow ones are gone and forgotten.
async fn calm(targets: &[Target<'_>], idle: &[(u64, usize)]) {
    const STAY: usize = 100;
    for (target, (_, files)) in targets.iter().zip(idle) {
        eventually("an idle function", async || {
            (target.program.open_files() <= files + STAY).then_some(())
        })
        .await;
    }
}

/// Every slow client was closed in its time, and whose body was slow was told so.
fn all_closed(mut report: Report, target: &Target<'_>, closed: &[Closed]) -> Report {
    for (kind, count) in target.slow {
        let ([earliest, latest], answer) = match kind {
            Kind::Head => (HEAD, None),
            Kind::Body => (HEAD, Some(408)),
            Kind::Read => (READ, None),
        };
        let of_kind: Vec<_> = closed.iter().filter(|closed| closed.kind == kind).collect();
        let as_due = |closed: &&&Closed| {
            closed.answer == answer && earliest <= closed.after && closed.after <= latest
        };
        let due = of_kind.iter().filter(as_due).count();
        let first_wrong = of_kind.iter().find(|closed| !as_due(closed));
        report = report.expect(due == count, || {
            format!("{kind:?}: {} of {count} were closed, {due} of them as they should; for one: {first_wrong:?}", of_kind.len())
        });
        if count > 0 {
            let what = match kind {
                Kind::Head => "slow heads closed",
                Kind::Body => "slow bodies 408",
                Kind::Read => "slow reads reset",
            };
            report = report.evidence(what, due as u64);
        }
    }
    report
}
