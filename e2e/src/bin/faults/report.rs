//! What a row found, and the table of all of them.

use std::fmt;
use std::time::Duration;

use e2e::{Road, Settled};
use testkit::oracle::Verdict;

/// What one row found on one road.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) row: u8,
    pub(crate) road: &'static str,
    verdict: Verdict,
    /// What shows that the fault bit: each count must be above zero.
    evidence: Vec<(&'static str, u64)>,
    /// Everything that should not be.
    problems: Vec<String>,
}

/// How a row ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed,
    Failed,
    NotExercised,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Passed => "passed",
            Self::Failed => "FAILED",
            Self::NotExercised => "NOT EXERCISED",
        })
    }
}

pub(crate) fn name_of(road: Road) -> &'static str {
    match road {
        Road::Source => "source",
        Road::Consumer => "consumer",
    }
}

impl Report {
    pub(crate) fn new(row: u8, road: &'static str) -> Self {
        Self {
            row,
            road,
            ..Self::default()
        }
    }

    /// Of traffic in which every event could be stored.
    pub(crate) fn of(row: u8, settled: Settled) -> Self {
        Self::new(row, "").settled(settled)
    }

    /// Adds what came of traffic in which every event could be stored.
    pub(crate) fn settled(mut self, settled: Settled) -> Self {
        let Settled {
            road,
            verdict,
            dead_letters,
            documents,
            ..
        } = settled;
        self.road = name_of(road);
        let stored = u64::try_from(verdict.stored).unwrap();
        self.judged(verdict)
            .expect(dead_letters == 0, || format!("{dead_letters} dead letters"))
            .expect(documents == stored, || {
                format!("{documents} documents, but {stored} are listed")
            })
    }

    /// Adds what the oracle found.
    pub(crate) fn judged(mut self, verdict: Verdict) -> Self {
        if !verdict.is_kept() {
            let mut found = format!("{verdict:#?}");
            if found.len() > 4_000 {
                found.truncate(found.floor_char_boundary(4_000));
            }
            self.problems.push(found);
        }
        self.verdict = verdict;
        self
    }

    /// Of a row that counts for itself.
    pub(crate) fn counted(mut self, sent: usize, acknowledged: usize, stored: usize) -> Self {
        self.verdict.attempts = sent;
        self.verdict.accepted = acknowledged;
        self.verdict.stored = stored;
        self
    }

    /// A count that shows that the fault bit.
    pub(crate) fn evidence(mut self, what: &'static str, count: u64) -> Self {
        self.evidence.push((what, count));
        self
    }

    pub(crate) fn expect(mut self, holds: bool, problem: impl FnOnce() -> String) -> Self {
        if !holds {
            self.problems.push(problem());
        }
        self
    }

    /// What was found is what was expected; both are sorted.
    pub(crate) fn expect_all<T: Ord + fmt::Debug>(
        self,
        what: &str,
        found: &[T],
        expected: &[T],
    ) -> Self {
        const SHOWN: usize = 3;
        let only = |these: &[T], those: &[T]| {
            let only: Vec<_> = these
                .iter()
                .filter(|one| those.binary_search(one).is_err())
                .collect();
            format!("{:?}", &only[..only.len().min(SHOWN)])
        };
        self.expect(found == expected, || {
            format!(
                "{what}: {} instead of {}; missing are {}, and wrong are {}",
                found.len(),
                expected.len(),
                only(expected, found),
                only(found, expected),
            )
        })
    }

    pub(crate) fn problem(&mut self, problem: String) {
        self.problems.push(problem);
    }

    /// Something took at most so long.
    pub(crate) fn within(self, what: &str, took: Duration, most: Duration) -> Self {
        self.expect(took <= most, || {
            format!("{what} took {took:?}, and {most:?} is the limit")
        })
    }

    /// Of a row that stopped in the middle.
    pub(crate) fn broken(row: u8, problem: String) -> Self {
        let mut report = Self::new(row, "-");
        report.problems.push(problem);
        report
    }

    pub(crate) fn outcome(&self) -> Outcome {
        if !self.problems.is_empty() {
            Outcome::Failed
        } else if self.evidence.is_empty() || self.evidence.iter().any(|(_, count)| *count == 0) {
            Outcome::NotExercised
        } else {
            Outcome::Passed
        }
    }

    pub(crate) fn problems(&self) -> &[String] {
        &self.problems
    }
}

pub(crate) const HEADING: &str = "row  road                    seed    sent   acked  ambig. stored  dupl.  lost  seconds  verdict        evidence";

/// A line of the table.
pub(crate) struct Line<'a> {
    pub(crate) report: &'a Report,
    pub(crate) seed: u64,
    pub(crate) took: Duration,
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report {
            row,
            road,
            verdict,
            evidence,
            ..
        } = self.report;
        let evidence: Vec<_> = evidence
            .iter()
            .map(|(what, count)| format!("{what} {count}"))
            .collect();
        write!(
            f,
            "{row:>3}  {road:<9} {seed:>20} {sent:>7} {acked:>7} {ambiguous:>6} {stored:>6} {doubled:>6} {lost:>5} {seconds:>8.1}  \
             {outcome:<13}  {evidence}",
            seed = self.seed,
            sent = verdict.attempts,
            acked = verdict.accepted,
            ambiguous = verdict.ambiguous,
            stored = verdict.stored,
            doubled = verdict.doubled.len(),
            lost = verdict.lost.len(),
            seconds = self.took.as_secs_f64(),
            outcome = self.report.outcome(),
            evidence = evidence.join(", "),
        )
    }
}
