//! A caller that takes no records, because its store is away.

use std::time::{Duration, Instant};

use kafka_log::SubscriptionOptions;
use testkit::eventually;

use crate::group::{Group, all_done, numbers, read};

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_takes_nothing_stays_in_its_group_and_goes_on_where_it_was() {
    let group = Group::reading(2).await;
    group.write(2, 0..5_000).await;
    let session = Duration::from_secs(6);
    let subscription = group.join_with(SubscriptionOptions {
        buffer_max: 100,
        session_timeout: session,
        poll_interval_max: session,
        ..group.options()
    });
    let first = read(&subscription, 50).await;
    let members = group.members().await;
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(10) {
        let silent = subscription.silent_for();
        assert!(silent < Duration::from_secs(2), "{silent:?}");
        assert_eq!(group.members().await, members);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let state = subscription.state();
    assert!(state.paused, "{state:?}");
    assert!((100..=102).contains(&state.buffered), "{state:?}");
    assert_eq!((state.in_flight, state.partitions.len()), (50, 2));

    let rest = read(&subscription, 4_950).await;
    let mut all = numbers(&[first, rest].concat());
    all.sort_unstable();
    assert_eq!(all, (0..5_000).collect::<Vec<_>>(), "each exactly once");
    assert!(!subscription.state().paused);
    assert_eq!(group.members().await, members);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_member_takes_part_in_rebalances() {
    let group = Group::reading(2).await;
    group.write(2, 0..1_000).await;
    let small = || SubscriptionOptions {
        buffer_max: 10,
        ..group.options()
    };
    let first = group.join_with(small());
    eventually("a pause", async || first.state().paused.then_some(())).await;
    let second = group.join_with(small());
    eventually("one partition for each, both paused", async || {
        let states = [first.state(), second.state()];
        let settled = |state: &kafka_log::SubscriptionState| {
            state.paused && state.partitions.len() == 1 && state.buffered <= 11
        };
        states.iter().all(settled).then_some(())
    })
    .await;
    let (of_first, of_second) = tokio::join!(read(&first, 500), read(&second, 500));
    let mut all = numbers(&[of_first, of_second].concat());
    all.sort_unstable();
    assert_eq!(all, (0..1_000).collect::<Vec<_>>(), "each exactly once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_is_merely_slow_causes_no_pause() {
    let group = Group::reading(1).await;
    group.write(1, 0..2_000).await;
    let subscription = group.join_with(SubscriptionOptions {
        buffer_max: 100,
        ..group.options()
    });
    let mut read_so_far = 0;
    while read_so_far < 2_000 {
        let batch = subscription.next(100).await;
        assert!(!subscription.state().paused);
        tokio::time::sleep(Duration::from_millis(50)).await;
        read_so_far += batch.len();
        all_done(&subscription, &batch);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn large_records_are_held_by_their_bytes() {
    let group = Group::reading(1).await;
    group.write_large(40, 100 << 10).await;
    let subscription = group.join_with(SubscriptionOptions {
        buffer_bytes_max: 1 << 20,
        ..group.options()
    });
    eventually("a pause", async || {
        subscription.state().paused.then_some(())
    })
    .await;
    let buffered = subscription.state().buffered;
    assert!((10..=12).contains(&buffered), "{buffered}");
    read(&subscription, 40).await;
}
