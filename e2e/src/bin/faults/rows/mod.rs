//! The rows: one function for each fault, or for several that one run shows.

mod clients;
mod clock;
mod cluster;
mod connections;
mod crowd;
mod delivery;
mod embedded;
mod events;
mod exhausted;
mod format;
mod full;
mod functions;
mod identity;
mod json;
mod log;
mod long_list;
mod members;
mod oversize;
mod page;
mod poison;
mod purchases;
mod refused;
mod schema;
mod secrets;
mod slow;
mod smuggling;
mod soak;
mod store;
mod userids;
mod wire;

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use e2e::Servers;
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use testkit::random::Random;

use crate::report::Report;
use crate::suite::text_of;

/// A group takes notice of a member that is gone in ten seconds, and a machine that does much else may need more.
const GROUP_MAX: Duration = Duration::from_secs(45);

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

/// Rows at the same time, most of whose time is waiting. One that breaks off takes nobody else's report along.
async fn beside(rows: Vec<(u8, Running)>) -> Vec<Report> {
    let run = async |(number, row): (u8, Running)| match AssertUnwindSafe(row).catch_unwind().await
    {
        Ok(reports) => reports,
        Err(panic) => vec![Report::broken(number, text_of(&*panic))],
    };
    let reports = join_all(rows.into_iter().map(run)).await;
    reports.into_iter().flatten().collect()
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
        Shared,
        [11],
        "every event 1 to 5 times, shuffled",
        delivery::repeated
    ),
    row!(
        Shared,
        [12, 13, 14, 15],
        "conflicts, mixed batches, poison; dead letters that cannot be written",
        refused::refused
    ),
    row!(
        Shared,
        [16, 17],
        "killed between write and commit; members stand still, go and come",
        members::disturbed
    ),
    row!(
        Shared,
        [21, 22],
        "the product in one process killed 100 times, on a full disk, locked out",
        embedded::product
    ),
    row!(
        Shared,
        [40, 41],
        "one key many times; one record by both roads",
        identity::same
    ),
    row!(
        Shared,
        [30, 31, 32],
        "the page: hostile words, impatient people, 100,000 purchases",
        page::in_chromium
    ),
    row!(
        Shared,
        [11],
        "20,000 events twice each, 64 at a time",
        delivery::repeated_at_length,
        nightly
    ),
    row!(
        Shared,
        [36],
        "the whole log again, by both roads",
        delivery::replayed,
        nightly
    ),
    row!(
        Alone,
        [23],
        "1,000 slow clients at each function",
        slow::slow
    ),
    row!(
        Alone,
        [24],
        "more connections than files",
        connections::too_many
    ),
    row!(
        Shared,
        [25],
        "requests larger than they may be, or claiming it",
        oversize::oversized
    ),
    row!(
        Shared,
        [26],
        "a second request hidden in the first",
        smuggling::smuggled
    ),
    row!(
        Shared,
        [27],
        "JSON that a parser, a float or a driver could trip over",
        json::odd_json
    ),
    row!(
        Shared,
        [28],
        "user ids that look like a path, a pattern or an operator",
        userids::odd
    ),
    row!(
        Shared,
        [29],
        "CloudEvents of any kind, in every mode",
        events::odd
    ),
    row!(
        Shared,
        [32],
        "100,000 purchases of one user, for a slow reader",
        long_list::long
    ),
    row!(
        Shared,
        [34],
        "passwords in the environment, right, wrong and misplaced",
        secrets::secret
    ),
    row!(
        Shared,
        [38],
        "a wall clock that is an hour wrong, and goes back",
        clock::wrong,
        nightly
    ),
    row!(
        Shared,
        [33],
        "requests at random, by the OpenAPI documents",
        schema::conformant
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
        Store,
        [39],
        "the store away for longer than the source tries",
        exhausted::redriven,
        nightly
    ),
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
