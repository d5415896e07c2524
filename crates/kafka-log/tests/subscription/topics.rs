//! Topics that are not there, or not the same any more.

use std::time::{Duration, Instant};

use rdkafka::admin::NewPartitions;
use rdkafka::{Offset, TopicPartitionList};
use testkit::eventually;

use crate::group::{Group, Seen, all_done, numbers, patiently, read, read_and_do};
use crate::support;

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_is_made_later_is_found() {
    let group = Group::of(support::unused_topic());
    let subscription = group.join();
    eventually("a fault that says so", async || {
        let fault = subscription.state().fault?;
        fault.to_lowercase().contains("unknown topic").then_some(())
    })
    .await;
    group.create_topic(1).await;
    group.write(1, 0..1).await;
    let started = Instant::now();
    read(&subscription, 1).await;
    let took = started.elapsed();
    assert!(took < Duration::from_secs(6), "{took:?}");
    eventually("an end of the fault", async || {
        subscription.state().fault.is_none().then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_that_are_added_are_read() {
    let group = Group::reading(1).await;
    let subscription = group.join();
    group.write(1, 0..1).await;
    read_and_do(&subscription, 1).await;
    let more = NewPartitions::new(&group.topic, 2);
    group
        .admin()
        .create_partitions([&more], &patiently())
        .await
        .unwrap();
    group.write(2, 1..3).await;
    let mut rest = read_and_do(&subscription, 2).await;
    rest.sort_by_key(|delivery| delivery.record.partition);
    assert_eq!(rest[1].record.partition, 1);
}

/// A consumer that went on at its old position would skip all of these.
#[tokio::test(flavor = "multi_thread")]
async fn a_topic_made_anew_with_as_many_records_is_read_from_its_beginning() {
    made_anew(10).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_made_anew_with_more_records_is_read_from_its_beginning() {
    made_anew(25).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_made_anew_with_fewer_records_is_read_from_its_beginning() {
    made_anew(3).await;
}

async fn made_anew(records: u32) {
    let group = Group::reading(1).await;
    group.write(1, 0..10).await;
    let subscription = group.join();
    let first = read(&subscription, 10).await;
    all_done(&subscription, &first[..9]);
    eventually("a commit", async || {
        (group.committed(0).await == Some(9)).then_some(())
    })
    .await;
    group.make_topic_anew(1).await;
    group.write(1, 100..100 + records).await;
    // Late news of the record that is gone now.
    all_done(&subscription, &first);
    let seen = Seen::default();
    seen.read(subscription.clone());
    seen.all_of(100..100 + records).await;
    eventually("a commit in the new topic", async || {
        (group.committed(0).await == Some(i64::from(records))).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_the_log_lost_are_left_out_and_the_rest_is_read() {
    let group = Group::reading(1).await;
    group.write(1, 0..100).await;
    let mut options_small = group.options();
    options_small.buffer_max = 10;
    let subscription = group.join_with(options_small);
    eventually("a pause", async || {
        subscription.state().paused.then_some(())
    })
    .await;
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(&group.topic, 0, Offset::Offset(60))
        .unwrap();
    group
        .admin()
        .delete_records(&list, &patiently())
        .await
        .unwrap();
    let deliveries = read(&subscription, 50).await;
    let expected: Vec<_> = (0..10).chain(60..100).collect();
    assert_eq!(numbers(&deliveries), expected);
}
