//! A log that lost its end, as a broker that does not sync every record does when its machine loses power.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use testkit::eventually;
use tokio::time::timeout;

use crate::brokers::Broker;
use crate::group::{Group, all_done, blocking, numbers, read};

const SESSION: Duration = Duration::from_secs(40);
/// Reading begins anew with another member; when the first one cannot say goodbye, its session has to end first.
const WAIT_MAX: Duration = Duration::from_secs(60);

fn copy(from: &Path, to: &Path) {
    let mut copy = Command::new("cp");
    assert!(copy.arg("-a").args([from, to]).status().unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_where_the_log_lost_its_end_is_read() {
    let broker = Broker::new();
    broker.service("up").await;
    let group = Group::at(broker.address());
    group.create_topic(1).await;
    group.write(1, 0..90).await;
    let mut options = group.options();
    // So that the member lives through the outage with its position.
    options.session_timeout = SESSION;
    let subscription = group.join_with(options);
    all_done(&subscription, &read(&subscription, 90).await);
    let (log, synced) = (
        broker.data().join(format!("{}-0", group.topic)),
        broker.data().join("synced"),
    );
    let (from, to) = (log.clone(), synced.clone());
    blocking(move || copy(&from, &to)).await;
    group.write(1, 90..100).await;
    all_done(&subscription, &read(&subscription, 10).await);
    eventually("the commit of all", async || {
        (group.committed(0).await == Some(100)).then_some(())
    })
    .await;

    broker.service("kill").await;
    blocking(move || {
        std::fs::remove_dir_all(&log).unwrap();
        std::fs::rename(&synced, &log).unwrap();
    })
    .await;
    broker.service("up").await;
    group.write(1, 1_000..1_030).await;
    let mut came = Vec::new();
    let begun = Instant::now();
    while !(1_000..1_030).all(|number| came.contains(&number)) {
        assert!(begun.elapsed() < WAIT_MAX, "only {came:?} came");
        if let Ok(deliveries) = timeout(Duration::from_secs(1), subscription.next(100)).await {
            came.extend(numbers(&deliveries));
            all_done(&subscription, &deliveries);
        }
    }
}
