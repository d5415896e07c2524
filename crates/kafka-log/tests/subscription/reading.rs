//! What comes out of a topic.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use testkit::eventually;

use crate::group::{Group, all_done, numbers, read};
use crate::support;

#[tokio::test(flavor = "multi_thread")]
async fn every_record_is_handed_out_once_and_in_order() {
    let group = Group::reading(3).await;
    group.write(3, 0..6_000).await;
    let subscription = group.join();
    let deliveries = read(&subscription, 6_000).await;
    let mut partitions: BTreeMap<i32, Vec<i64>> = BTreeMap::new();
    for delivery in &deliveries {
        let offsets = partitions.entry(delivery.record.partition).or_default();
        offsets.push(delivery.record.offset);
    }
    for partition in 0..3 {
        assert_eq!(partitions[&partition], (0..2_000).collect::<Vec<_>>());
    }
    all_done(&subscription, &deliveries);
    for partition in 0..3 {
        eventually("the commit of everything", async || {
            (group.committed(partition).await == Some(2_000)).then_some(())
        })
        .await;
    }
    assert_eq!(subscription.state().in_flight, 0);
    subscription.stop(Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_keeps_its_key_headers_value_and_time() {
    let group = Group::reading(1).await;
    let headers = [
        ("ce_id", Some(&b"1"[..])),
        ("null", None),
        ("ce_id", Some(b"")),
    ];
    support::produce_raw(&group.topic, 0, Some(b"key"), &headers, Some(b"value")).await;
    support::produce_raw(&group.topic, 0, None, &[], None).await;
    let subscription = group.join();
    let read = read(&subscription, 2).await;
    let written = support::read_all(&group.topic).await;
    assert_eq!(written.len(), 2);
    for (read, written) in read.iter().zip(&written) {
        assert_eq!(read.record, *written);
    }
    assert_eq!(written[0].headers.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_whose_name_is_no_text_does_not_stop_a_partition() {
    let group = Group::reading(1).await;
    let name = OsStr::from_bytes(b"\xff\xfe=value");
    let arguments = [
        "-P",
        "-b",
        &group.brokers,
        "-t",
        &group.topic,
        "-p",
        "0",
        "-H",
    ];
    let arguments = arguments.map(OsString::from).into_iter();
    let mut kcat = Command::new("kcat")
        .args(arguments.chain([name.to_owned(), "-H".into(), "good=1".into()]))
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    kcat.stdin.take().unwrap().write_all(b"7\n").unwrap();
    assert!(kcat.wait().unwrap().success());
    group.write(1, 8..9).await;
    let deliveries = read(&group.join(), 2).await;
    assert_eq!(numbers(&deliveries), [7, 8]);
    let good = ("good".to_owned(), Some(b"1".to_vec()));
    assert_eq!(deliveries[0].record.headers, [good]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_stops_waiting_takes_no_record_along() {
    let group = Group::reading(1).await;
    let subscription = group.join();
    eventually("an assignment", async || {
        (subscription.state().partitions == [0]).then_some(())
    })
    .await;
    let mut numbers_read = Vec::new();
    for number in 0..200 {
        let mut next = Box::pin(subscription.next(1));
        // Asks once and goes away, before the record is there and perhaps in the very moment in which it comes.
        let early = futures_util::FutureExt::now_or_never(&mut next);
        if number % 10 == 0 {
            group.write(1, number..number + 10).await;
        }
        drop(next);
        numbers_read.extend(numbers(&early.unwrap_or_default()));
    }
    let rest = read(&subscription, 200 - numbers_read.len()).await;
    numbers_read.extend(numbers(&rest));
    assert_eq!(numbers_read, (0..200).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_stop_nothing_is_handed_out() {
    let empty = Group::reading(1).await.join();
    let waiter = tokio::spawn({
        let empty = empty.clone();
        async move { empty.next(1).await }
    });
    empty.stop(Duration::ZERO).await;
    let group = Group::reading(1).await;
    group.write(1, 0..10).await;
    let subscription = group.join();
    eventually("a full buffer", async || {
        (subscription.state().buffered == 10).then_some(())
    })
    .await;
    subscription.stop(Duration::ZERO).await;
    assert_eq!(subscription.next(10).await, []);
    assert_eq!(waiter.await.unwrap(), []);
    let failed = futures_util::FutureExt::now_or_never(subscription.failed());
    assert_eq!(failed, None, "it was stopped and did not fail");
}
