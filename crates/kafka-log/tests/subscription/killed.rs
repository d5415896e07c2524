//! A member whose process is killed.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use testkit::eventually;

use crate::group::{Group, all_done, numbers, read};

const TOPIC: &str = "SUBSCRIPTION_TEST_TOPIC";

/// Run in a process of its own by the test below: reads, does nothing, and waits for its end.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a part of the next test"]
async fn member() {
    let topic = std::env::var_os(TOPIC).unwrap();
    let group = Group::of(topic.into_string().unwrap());
    let subscription = group.join();
    let mut batch = read(&subscription, 1).await;
    batch.extend(subscription.next(100).await);
    all_done(&subscription, &batch[..1]);
    // Not for ever, should its parent be killed too.
    tokio::time::sleep(Duration::from_secs(60)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_a_process_is_killed_the_other_member_gets_its_records() {
    let group = Group::reading(2).await;
    group.write(2, 0..20).await;
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "killed::member", "--ignored"])
        .env(TOPIC, &group.topic)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    eventually("a commit of the child", async || {
        let committed = [group.committed(0).await, group.committed(1).await];
        committed.iter().any(Option::is_some).then_some(())
    })
    .await;
    child.kill().unwrap();
    child.wait().unwrap();
    let started = Instant::now();
    let subscription = group.join();
    let deliveries = read(&subscription, 19).await;
    let took = started.elapsed();
    assert!(took < Duration::from_secs(12), "{took:?}");
    let mut numbers = numbers(&deliveries);
    numbers.sort_unstable();
    numbers.dedup();
    assert!(numbers.len() >= 19, "{numbers:?}");
}
