//! Which positions the broker keeps, and when.

use std::time::{Duration, Instant};

use kafka_log::SubscriptionOptions;
use testkit::eventually;

use crate::group::{Group, all_done, numbers, read};

/// Longer than any test: whatever is committed was not committed by the clock.
const NEVER: Duration = Duration::from_secs(3_600);

#[tokio::test(flavor = "multi_thread")]
async fn only_the_contiguous_done_prefix_is_committed_and_the_next_member_starts_there() {
    let group = Group::reading(1).await;
    group.write(1, 0..10).await;
    let subscription = group.join();
    let deliveries = read(&subscription, 10).await;
    for number in [9, 3, 0, 1, 4, 7] {
        subscription.done(&deliveries[number].place);
    }
    eventually("the commit of the prefix", async || {
        (group.committed(0).await == Some(2)).then_some(())
    })
    .await;
    assert_eq!(subscription.state().in_flight, 4);
    subscription.stop(Duration::ZERO).await;
    assert_eq!(group.committed(0).await, Some(2));

    let next = group.join();
    let again = read(&next, 8).await;
    assert_eq!(numbers(&again), [2, 3, 4, 5, 6, 7, 8, 9]);
    // What the earlier member handed out says nothing about this one's.
    all_done(&next, &deliveries);
    assert_eq!(next.state().in_flight, 8);
    all_done(&next, &again);
    next.stop(Duration::ZERO).await;
    assert_eq!(group.committed(0).await, Some(10));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_position_is_kept_from_the_first_record_on() {
    let group = Group::reading(1).await;
    group.write(1, 0..3).await;
    let subscription = group.join();
    let _undone = read(&subscription, 3).await;
    // Otherwise whoever scales by the lag sees none, however many wait.
    eventually("the commit of the beginning", async || {
        (group.committed(0).await == Some(0)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_waits_for_what_is_in_flight_and_commits_and_leaves() {
    let group = Group::reading(1).await;
    group.write(1, 0..10).await;
    let subscription = group.join_with(SubscriptionOptions {
        commit_pause: NEVER,
        ..group.options()
    });
    let deliveries = read(&subscription, 10).await;
    assert_eq!(group.members().await.len(), 1);
    let stopping = tokio::spawn({
        let subscription = subscription.clone();
        async move { subscription.stop(Duration::from_secs(10)).await }
    });
    assert_eq!(subscription.next(1).await, [], "stopped by then");
    let started = Instant::now();
    all_done(&subscription, &deliveries);
    stopping.await.unwrap();
    assert!(
        started.elapsed() < Duration::from_secs(2),
        "{:?}",
        started.elapsed()
    );
    assert_eq!(group.committed(0).await, Some(10));
    assert_eq!(group.members().await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_does_not_wait_longer_than_it_may() {
    let group = Group::reading(1).await;
    group.write(1, 0..10).await;
    let subscription = group.join();
    let deliveries = read(&subscription, 10).await;
    all_done(&subscription, &deliveries[..4]);
    let started = Instant::now();
    subscription.stop(Duration::from_millis(500)).await;
    let took = started.elapsed();
    assert!((500..2_500).contains(&took.as_millis()), "{took:?}");
    assert_eq!(group.committed(0).await, Some(4));
    assert_eq!(group.members().await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebalance_waits_for_what_is_in_flight_and_commits() {
    let group = Group::reading(2).await;
    group.write(2, 0..20).await;
    let first = group.join_with(SubscriptionOptions {
        commit_pause: NEVER,
        ..group.options()
    });
    let deliveries = read(&first, 20).await;
    let second = group.join();
    // The first member learns of it by its heartbeat and waits for these.
    let finishing = tokio::spawn({
        let first = first.clone();
        async move {
            tokio::time::sleep(Duration::from_millis(1_500)).await;
            all_done(&first, &deliveries);
        }
    });
    eventually("one partition for each", async || {
        let shares = (
            first.state().partitions.len(),
            second.state().partitions.len(),
        );
        (shares == (1, 1)).then_some(())
    })
    .await;
    finishing.await.unwrap();
    for partition in [0, 1] {
        assert_eq!(group.committed(partition).await, Some(10), "{partition}");
    }
    group.write(2, 20..40).await;
    let (first_rest, second_rest) = tokio::join!(read(&first, 10), read(&second, 10));
    let mut rest = numbers(&[first_rest, second_rest].concat());
    rest.sort_unstable();
    assert_eq!(rest, (20..40).collect::<Vec<_>>(), "no record came again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebalance_does_not_wait_for_ever() {
    let group = Group::reading(2).await;
    group.write(2, 0..20).await;
    let first = group.join();
    let _undone = read(&first, 20).await;
    let started = Instant::now();
    let second = group.join();
    eventually("one partition for each", async || {
        let shares = (
            first.state().partitions.len(),
            second.state().partitions.len(),
        );
        (shares == (1, 1)).then_some(())
    })
    .await;
    assert!(
        started.elapsed() < Duration::from_secs(8),
        "{:?}",
        started.elapsed()
    );
    let (again_first, again_second) = tokio::join!(read(&first, 10), read(&second, 10));
    let mut again = numbers(&[again_first, again_second].concat());
    again.sort_unstable();
    assert_eq!(again, (0..20).collect::<Vec<_>>());
}
