//! The product in one process: a power cut, a disk that is full, a database that somebody else has locked.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use e2e::{metric_of, path_of, scratch};
use futures_util::future::join_all;
use rustix::process::{Resource, Rlimit, prlimit};
use tempfile::NamedTempFile;
use testkit::app::client;
use testkit::oracle::{Intent, Oracle, Outcome};
use testkit::product::{Folder, Product};
use testkit::random::Random;
use testkit::{PATIENCE, eventually};
use tokio::time::{Instant, sleep};

use super::{Case, Running, beside};
use crate::report::Report;

const ROAD: &str = "embedded";
/// Purchases whose commits and syncs are counted.
const TRACED: u64 = 100;

fn new_folder() -> Folder {
    Folder::new(path_of("user-buy-list"), scratch())
}

/// Rows 21 and 22.
pub(crate) async fn product(case: Case) -> Vec<Report> {
    let killed: Running = Box::pin(killed(case.random));
    let refusing: Running = Box::pin(async { vec![full().await, locked().await] });
    beside(vec![(21, killed), (22, refusing)]).await
}

/// Row 21. Killed a hundred times; and every commit is synced, without which a power cut would lose what a kill does not.
async fn killed(mut random: Random) -> Vec<Report> {
    const KILLS: u64 = 100;
    const BUYERS: u64 = 16;
    let folder = new_folder();
    let oracle = Arc::new(Oracle::default());
    let mut in_flight = 0;
    let mut damaged = Vec::new();
    for kill in 0..KILLS {
        let product = Product::start(&folder).await;
        let before = oracle.judge(&[]).ambiguous;
        let buyers = (0..BUYERS).map(|n| {
            let (oracle, url) = (Arc::clone(&oracle), product.buy.clone());
            tokio::spawn(buy_until_gone(oracle, url, format!("user-{n}"), n % 2 == 0))
        });
        let buyers: Vec<_> = buyers.collect();
        sleep(Duration::from_millis(5 + random.below(120))).await;
        product.process.kill();
        for buyer in buyers {
            buyer.await.unwrap();
        }
        in_flight += u64::from(oracle.judge(&[]).ambiguous > before);
        // Whoever opens the file recovers it, and mostly that shall be the product.
        if kill % 10 == 9 {
            damaged.extend(Some(folder.integrity()).filter(|found| found != "ok"));
        }
    }
    let product = Product::start(&folder).await;
    let lists = oracle.full_lists(&client(), &product.page).await;
    product.stop().await;
    let integrity = folder.integrity();
    let left = [folder.count("log"), folder.count("dead_letters")];
    let (commits, syncs) = synced().await;
    vec![
        Report::new(21, ROAD)
            .judged(oracle.judge(&lists))
            .expect(damaged.is_empty() && integrity == "ok", || {
                format!("the file is damaged: {damaged:?}, in the end {integrity}")
            })
            .expect(left == [0, 0], || {
                format!("left in the log, and dead letters: {left:?}")
            })
            // One buyer, one purchase after the other.
            .expect(commits >= TRACED && syncs >= commits, || {
                format!("{TRACED} purchases, {commits} commits and {syncs} syncs")
            })
            .evidence("kills", KILLS)
            .evidence("kills that hit a purchase", in_flight)
            .evidence("commits", commits)
            .evidence("syncs", syncs),
    ]
}

/// Buys one thing after the other until nobody answers. What was accepted with a key is sometimes repeated, and is the same
/// purchase whatever happens in between.
async fn buy_until_gone(oracle: Arc<Oracle>, url: String, userid: String, keyed: bool) {
    let client = client();
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        let intent = Intent::new(&userid, keyed);
        match oracle.buy(&client, &url, &intent).await {
            Outcome::Accepted(_) => {
                if keyed && oracle.buy(&client, &url, &intent).await == Outcome::NotRecorded {
                    return;
                }
            }
            Outcome::NotRecorded | Outcome::Ambiguous => return,
        }
    }
}

/// What the kernel is asked to do, counted from outside: how many transactions were committed, and how many syncs there were.
async fn synced() -> (u64, u64) {
    let folder = new_folder();
    let trace = NamedTempFile::new_in(scratch()).unwrap();
    let file = trace.path().to_str().unwrap();
    // -D makes the tracer the grandchild: the process that is started and signalled here is the product itself.
    let strace = [
        "strace",
        "-D",
        "-f",
        "-e",
        "trace=fdatasync,fsync",
        "-o",
        file,
    ];
    let product = Product::start_command(&mut folder.command_under(&strace)).await;
    let commits = async || metric_of(&product.page, "sqlite_commits_total", "").await;
    let (commits_before, syncs_before) = (commits().await, syncs(trace.path()));
    let (client, oracle) = (client(), Oracle::default());
    for n in 0..TRACED {
        let intent = Intent::new("ada", n % 2 == 0);
        oracle.buy(&client, &product.buy, &intent).await;
    }
    let committed = commits().await - commits_before;
    // A commit is counted after its sync, so all of these have happened; the tracer may be behind in writing them down.
    let begun = Instant::now();
    let mut synced = 0;
    while synced < committed && begun.elapsed() < PATIENCE / 2 {
        sleep(Duration::from_millis(5)).await;
        synced = syncs(trace.path()) - syncs_before;
    }
    product.stop().await;
    (committed, synced)
}

/// Finished calls in a trace; one that another thread interrupted is written as `unfinished`, and later as `resumed`.
fn syncs(trace: &Path) -> u64 {
    let trace = std::fs::read_to_string(trace).unwrap();
    let finished = |line: &&str| line.contains("sync") && line.contains("= 0");
    trace.lines().filter(finished).count() as u64
}

/// Row 22. A disk that takes nothing.
async fn full() -> Report {
    let folder = new_folder();
    // A process may not write beyond a size of file that is lowered and raised from outside: to SQLite that is a disk that
    // takes nothing. The signal that comes with it is ignored, as it would be with a real disk.
    let shell = ["sh", "-c", "trap '' XFSZ; exec \"$@\"", "sh"];
    let product = Product::start_command(&mut folder.command_under(&shell)).await;
    let limit_file_size = |bytes| {
        let limit = Rlimit {
            current: bytes,
            maximum: None,
        };
        prlimit(Some(product.process.pid()), Resource::Fsize, limit).unwrap();
    };
    let (bite, free) = (|| limit_file_size(Some(4_096)), || limit_file_size(None));
    // Of a commit that fails nobody knows what is on the disk.
    let is_right = |told: &Outcome| !matches!(told, Outcome::Accepted(_));
    let report = refuse(&product, bite, free, is_right).await;
    ended(report, folder, product).await
}

/// Row 22. A lock that somebody else has on the file.
async fn locked() -> Report {
    let folder = new_folder();
    let product = Product::start(&folder).await;
    let lock = folder.open_database();
    let (bite, free) = (
        || lock.execute_batch("BEGIN IMMEDIATE").unwrap(),
        || lock.execute_batch("ROLLBACK").unwrap(),
    );
    let is_right = |told: &Outcome| *told == Outcome::NotRecorded;
    let report = refuse(&product, bite, free, is_right).await;
    drop(lock);
    ended(report, folder, product).await
}

/// Buys while nothing can be written, and what was refused again when it can.
async fn refuse(
    product: &Product,
    bite: impl FnOnce(),
    free: impl FnOnce(),
    is_right: fn(&Outcome) -> bool,
) -> Report {
    const BUYERS: usize = 20;
    /// A lock is waited for, twice at most.
    const ANSWER_MAX: Duration = Duration::from_secs(5);
    let (client, oracle) = (client(), Oracle::default());
    let buy = async |intent: &Intent| oracle.buy(&client, &product.buy, intent).await;
    let early = buy(&Intent::new("ada", true)).await;
    bite();
    let intents: Vec<_> = (0..BUYERS)
        .map(|n| Intent::new("ada", n % 2 == 0))
        .collect();
    let begun = Instant::now();
    let told = join_all(intents.iter().map(buy)).await;
    let took = begun.elapsed();
    let refused = told.iter().filter(|outcome| is_right(outcome)).count();
    let ready = status(format!("{}/ready", product.page)).await;
    free();
    for intent in intents.iter().filter(|intent| intent.key.is_some()) {
        eventually("a purchase when it can be written again", async || {
            matches!(buy(intent).await, Outcome::Accepted(_)).then_some(())
        })
        .await;
    }
    let lists = oracle.full_lists(&client, &product.page).await;
    Report::new(22, ROAD)
        .judged(oracle.judge(&lists))
        .expect(matches!(early, Outcome::Accepted(_)), || {
            format!("before it: {early:?}")
        })
        .expect(refused == BUYERS, || format!("told: {told:?}"))
        .expect(ready == 503, || format!("/ready answered {ready}"))
        .within("an answer", took, ANSWER_MAX)
        .evidence("refused", refused as u64)
}

async fn status(url: String) -> u16 {
    client().get(url).send().await.unwrap().status().as_u16()
}

/// Nothing in part, and nothing left over.
async fn ended(report: Report, folder: Folder, product: Product) -> Report {
    product.stop().await;
    let left = [folder.count("log"), folder.count("dead_letters")];
    let integrity = folder.integrity();
    report
        .expect(integrity == "ok", || {
            format!("the file is damaged: {integrity}")
        })
        .expect(left == [0, 0], || {
            format!("left in the log, and dead letters: {left:?}")
        })
}
