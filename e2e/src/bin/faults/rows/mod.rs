//! The rows: one function for each fault, or for several that one run shows.

mod clients;
mod cluster;
mod crowd;
mod full;
mod log;
mod soak;
mod store;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use e2e::Servers;
use testkit::random::Random;

use crate::report::Report;

/// A fault, or several that one run shows.
pub(crate) struct Row {
    pub(crate) numbers: &'static [u8],
    pub(crate) title: &'static str,
    pub(crate) lane: Lane,
    /// Too long for every change.
    pub(crate) nightly: bool,
    pub(crate) run: fn(Case) -> Running,
}

/// On a thread of its own.
type Running = Pin<Box<dyn Future<Output = Vec<Report>>>>;

/// What a row disturbs, and so what it cannot run beside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Stops the broker of a pair of its own.
    Log,
    /// Stops the mongod of a pair of its own.
    Store,
    /// Disturbs nothing but its own programs.
    Shared,
    /// Measures, so nothing else may run.
    Alone,
}

/// What a row gets.
pub(crate) struct Case {
    pub(crate) servers: Arc<Servers>,
    pub(crate) random: Random,
    /// How long the soak goes on.
    pub(crate) soak: Duration,
}

macro_rules! row {
    ($lane:ident, $numbers:expr, $title:expr, $run:path) => {
        row!($lane, $numbers, $title, $run, false)
    };
    ($lane:ident, $numbers:expr, $title:expr, $run:path, nightly) => {
        row!($lane, $numbers, $title, $run, true)
    };
    ($lane:ident, $numbers:expr, $title:expr, $run:path, $nightly:expr) => {
        Row {
            numbers: &$numbers,
            title: $title,
            lane: Lane::$lane,
            nightly: $nightly,
            run: |case| Box::pin($run(case)),
        }
    };
}

/// All of them, in the order in which they run within their lanes.
pub(crate) const ALL: &[Row] = &[
    row!(
        Log,
        [1, 19],
        "broker killed under load, and back after 5 s; beside an idle consumer",
        log::killed
    ),
    row!(
        Log,
        [2],
        "broker stands still for 15 s; a black hole in front of it",
        log::silent
    ),
    row!(
        Log,
        [3],
        "broker and mongod absent at the start",
        log::absent
    ),
    row!(
        Log,
        [5],
        "more buyers than room, and a silent broker",
        crowd::saturated
    ),
    row!(
        Log,
        [7],
        "SIGTERM with 200 requests in flight",
        crowd::told_to_stop
    ),
    row!(
        Log,
        [9],
        "1,000 clients leave before the answer",
        crowd::deserted
    ),
    row!(Log, [6], "brokers that refuse", log::refusing),
    row!(Shared, [4], "the answer is lost on its way", clients::reset),
    row!(
        Shared,
        [8],
        "buy killed in a burst, clients repeat with their keys",
        clients::killed
    ),
    row!(
        Shared,
        [20],
        "two connections for 200 deliveries at once",
        clients::few_connections
    ),
    row!(
        Shared,
        [44],
        "SIGTERM behind a balancer that is 2 s late",
        clients::drained
    ),
    row!(
        Store,
        [10],
        "mongod killed and standing still under load",
        store::killed
    ),
    row!(
        Store,
        [18, 43],
        "store and dead letter sink away for longer than max.poll.interval",
        store::away
    ),
    row!(
        Store,
        [42],
        "mongod killed in the middle of a list",
        store::killed_in_a_list
    ),
    row!(
        Store,
        [43],
        "the same for three minutes, with memory watched",
        store::long_away,
        nightly
    ),
    row!(
        Log,
        [35],
        "three brokers: one killed, then two",
        cluster::brokers_killed,
        nightly
    ),
    row!(Log, [39], "disks that are full", full::disks, nightly),
    row!(
        Log,
        [37],
        "everything at random for an hour",
        soak::everything,
        nightly
    ),
];

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<_> = self.numbers.iter().map(u8::to_string).collect();
        let when = if self.nightly { " (nightly)" } else { "" };
        write!(f, "{:>9}  {}{when}", numbers.join(" "), self.title)
    }
}
