//! Several members of one group.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use kafka_log::Subscription;
use testkit::eventually;

use crate::group::{Group, Seen, all_done, numbers, read, read_and_do};

async fn two_members(group: &Group) -> (Subscription, Subscription) {
    let members = (group.join(), group.join());
    eventually("two partitions for each", async || {
        let shares = (
            members.0.state().partitions.len(),
            members.1.state().partitions.len(),
        );
        (shares == (2, 2)).then_some(())
    })
    .await;
    members
}

#[tokio::test(flavor = "multi_thread")]
async fn when_a_member_stops_the_other_takes_over_and_nothing_comes_twice() {
    let group = Group::reading(4).await;
    let (first, second) = two_members(&group).await;
    group.write(4, 0..400).await;
    let (of_first, of_second) = tokio::join!(read_and_do(&first, 200), read_and_do(&second, 200));
    first.stop(Duration::ZERO).await;
    group.write(4, 400..800).await;
    let rest = read_and_do(&second, 400).await;
    let numbers_read = numbers(&[of_first, of_second, rest].concat());
    let distinct: BTreeSet<_> = numbers_read.iter().copied().collect();
    assert_eq!(distinct, (0..800).collect());
    assert_eq!(numbers_read.len(), 800);
}

#[tokio::test(flavor = "multi_thread")]
async fn when_a_member_is_dropped_the_other_gets_what_was_in_flight() {
    let group = Group::reading(4).await;
    let (first, second) = two_members(&group).await;
    group.write(4, 0..400).await;
    let (of_first, of_second) = tokio::join!(read(&first, 200), read(&second, 200));
    all_done(&second, &of_second);
    all_done(&first, &of_first[..50]);
    let started = Instant::now();
    drop(first);
    let rest = read(&second, 150).await;
    // Well before the session of the one that went would have ended.
    assert!(
        started.elapsed() < Duration::from_secs(4),
        "{:?}",
        started.elapsed()
    );
    let all: BTreeSet<_> = numbers(&[of_second, of_first[..50].to_vec(), rest].concat())
        .into_iter()
        .collect();
    assert_eq!(all, (0..400).collect());
}

#[tokio::test(flavor = "multi_thread")]
async fn members_that_come_and_go_lose_nothing() {
    let group = Group::reading(4).await;
    let seen = Seen::default();
    let steady = group.join();
    seen.read(steady.clone());
    for round in 0..4_u32 {
        let guest = group.join();
        let reading = seen.read(guest.clone());
        group.write(4, round * 400..round * 400 + 200).await;
        eventually("a share for the guest", async || {
            (guest.state().partitions.len() == 2).then_some(())
        })
        .await;
        group.write(4, round * 400 + 200..round * 400 + 400).await;
        if round % 2 == 0 {
            guest.stop(Duration::from_secs(1)).await;
        } else {
            reading.abort();
        }
    }
    seen.all_of(0..1_600).await;
    steady.stop(Duration::from_secs(1)).await;
    for partition in 0..4 {
        assert_eq!(group.committed(partition).await, Some(400));
    }
}
