//! What the kernel is asked to do, counted from outside: every commit is synced.

use std::path::Path;
use std::process::Command;

use testkit::app::client;
use testkit::eventually;
use testkit::oracle::{Intent, Oracle, Outcome};

use crate::product::{Folder, Product, add_arguments};

#[tokio::test]
async fn every_commit_is_synced_to_disk() {
    let folder = Folder::new();
    let trace = tempfile::NamedTempFile::new().unwrap();
    let mut command = Command::new("strace");
    // -D makes the tracer the grandchild: the process that the test owns and signals is the product itself.
    command
        .args(["-D", "-f", "-e", "trace=fdatasync,fsync", "-o"])
        .arg(trace.path());
    command.arg(env!("CARGO_BIN_EXE_user-buy-list"));
    add_arguments(&mut command, &folder.path());
    let product = Product::start_command(&mut command).await;

    let client = client();
    let before = syncs(trace.path());
    let commits_before = commits(&client, &product.page).await;
    let oracle = Oracle::default();
    for n in 0..100 {
        let outcome = oracle
            .buy(&client, &product.buy, &Intent::new("ada", n % 2 == 0))
            .await;
        assert!(matches!(outcome, Outcome::Accepted(_)), "{outcome:?}");
    }
    let commits = commits(&client, &product.page).await - commits_before;
    assert!(
        commits >= 100,
        "one buyer, one after the other: {commits} commits"
    );
    // A commit is counted after its sync, so all of these syncs have happened; the tracer may be behind in writing them down.
    let synced = eventually("as many syncs as commits", async || {
        let synced = syncs(trace.path()) - before;
        (synced >= commits).then_some(synced)
    })
    .await;
    println!("{commits} commits, {synced} syncs for 100 purchases");
    product.stop().await;
}

/// Finished calls in a trace; one that another thread interrupted is written as `unfinished`, and later as `resumed`.
fn syncs(trace: &Path) -> u64 {
    let trace = std::fs::read_to_string(trace).unwrap();
    let finished = |line: &&str| line.contains("sync") && line.contains("= 0");
    trace.lines().filter(finished).count() as u64
}

async fn commits(client: &reqwest::Client, url: &str) -> u64 {
    let metrics = client
        .get(format!("{url}/metrics"))
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let line = metrics
        .lines()
        .find(|line| line.starts_with("sqlite_commits_total "))
        .unwrap();
    line.split_whitespace().last().unwrap().parse().unwrap()
}
