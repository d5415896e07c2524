//! `ordered` and `unordered`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::watch;

use crate::sink::{Sink, status};
use crate::stand_in::{PATIENT, StandIn};
use crate::topic::{Topic, event};

#[tokio::test]
async fn unordered_events_do_not_wait_for_one_that_fails() {
    let topic = Topic::new(1).await;
    let sink = Sink::answers(|post, _| status(if post.id() == "0" { 503 } else { 204 }));
    topic.write((0..120).map(|n| event(n.to_string()))).await;
    let stand_in = StandIn::start(&topic, &sink, &PATIENT).await;
    stand_in
        .counts("kafka_source_events_delivered_total", 119)
        .await;
    assert_eq!(stand_in.metric("kafka_source_events_in_flight").await, 1);
}

#[tokio::test]
async fn unordered_takes_no_more_once_fifty_are_on_their_way() {
    let topic = Topic::new(1).await;
    let (here, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (counted, peak) = (here.clone(), most.clone());
    let (open, door) = watch::channel(false);
    let sink = Sink::acts(move |_, _| {
        let (here, most, mut door) = (counted.clone(), peak.clone(), door.clone());
        Box::pin(async move {
            most.fetch_max(here.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            door.wait_for(|open| *open).await.unwrap();
            here.fetch_sub(1, Ordering::SeqCst);
            Some(status(204))
        })
    });
    topic.write((0..300).map(|n| event(n.to_string()))).await;
    let stand_in = StandIn::start(&topic, &sink, &[]).await;
    sink.posted(50).await;
    open.send_replace(true);
    stand_in
        .counts("kafka_source_events_delivered_total", 300)
        .await;
    let most = most.load(Ordering::SeqCst);
    assert!((50..100).contains(&most), "{most} at the same time");
}

#[tokio::test]
async fn ordered_events_keep_their_order_and_one_that_fails_holds_up_its_partition_only() {
    let topic = Topic::new(2).await;
    let mended = Arc::new(AtomicBool::new(false));
    let is_mended = mended.clone();
    let sink = Sink::answers(move |post, _| {
        let fails = post.id() == "0-3" && !is_mended.load(Ordering::SeqCst);
        status(if fails { 503 } else { 204 })
    });
    let records = (0..60).flat_map(|n| {
        [0, 1].map(|partition| event(format!("{partition}-{n}")).partition(partition))
    });
    topic.write(records).await;
    let variables = [&PATIENT[..], &[("ORDERING", "ordered")]].concat();
    let stand_in = StandIn::start(&topic, &sink, &variables).await;
    sink.got("1-59").await;
    assert!(sink.ids().iter().all(|id| id != "0-4"), "nothing overtakes");
    mended.store(true, Ordering::SeqCst);
    stand_in
        .counts("kafka_source_events_delivered_total", 120)
        .await;
    for partition in [0, 1] {
        let mut ids = sink.ids();
        ids.retain(|id| id.starts_with(&format!("{partition}-")));
        ids.dedup();
        assert_eq!(
            ids,
            Vec::from_iter((0..60).map(|n| format!("{partition}-{n}")))
        );
    }
}
