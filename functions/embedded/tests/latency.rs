//! How long it takes from the 201 to the list, beside the disk's own time in the same run. Alone in its binary, so that no
//! other test runs beside it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use testkit::app::client;
use testkit::oracle::{self, Intent, Oracle, Outcome};
use testkit::product::{Folder, Product};

const ROUNDS: usize = 300;
const WARM_UP: usize = 50;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(
    debug_assertions,
    ignore = "a debug build is several times slower than what is promised"
)]
async fn accepted_is_listed_within_six_syncs() {
    let program = env!("CARGO_BIN_EXE_user-buy-list");
    let folder = Folder::new(program, env!("CARGO_TARGET_TMPDIR"));
    let product = Product::start(&folder).await;
    let url = &product.buy;

    let (client, oracle) = (client(), Oracle::default());
    let (mut listed, mut synced) = (Vec::new(), Vec::new());
    for round in 0..WARM_UP + ROUNDS {
        // A user per round, so that the list to look at is always as short.
        let userid = format!("user-{round}");
        let outcome = oracle.buy(&client, url, &Intent::new(&userid, false)).await;
        let accepted = Instant::now();
        assert!(matches!(outcome, Outcome::Accepted(_)), "{outcome:?}");
        while oracle::list(&client, url, &userid).await.is_empty() {
            assert!(accepted.elapsed() < testkit::PATIENCE, "never listed");
        }
        let took = accepted.elapsed();
        let sync = time_of_a_sync(&folder.path());
        if round >= WARM_UP {
            listed.push(took);
            synced.push(sync);
        }
    }
    let (listed, synced) = (median(listed), median(synced));
    println!("accepted to listed {listed:?}, one sync {synced:?} (medians of {ROUNDS})");
    assert!(
        listed <= synced * 6,
        "accepted to listed {listed:?}, one sync {synced:?}"
    );
}

/// What a commit asks of the disk: a page appended to a file, and the wait until it is there.
fn time_of_a_sync(folder: &Path) -> Duration {
    let mut file = File::options()
        .create(true)
        .append(true)
        .open(folder.join("sync"))
        .unwrap();
    let started = Instant::now();
    file.write_all(&[0; 4096]).unwrap();
    file.sync_data().unwrap();
    started.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
