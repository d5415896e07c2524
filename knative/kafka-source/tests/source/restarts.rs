//! Positions, kills and stops.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use testkit::eventually;

use crate::sink::{Sink, status};
use crate::stand_in::{PATIENT, StandIn};
use crate::topic::{Topic, event};

#[tokio::test]
async fn after_a_kill_what_was_not_committed_comes_again_and_nothing_is_missing() {
    let (topic, sink) = (Topic::new(1).await, Sink::new());
    topic.write((0..30).map(|n| event(n.to_string()))).await;
    let stand_in = StandIn::start(&topic, &sink, &[]).await;
    sink.posted(30).await;
    stand_in.kill();
    assert_eq!(
        topic.committed().await,
        None,
        "killed before the first commit"
    );
    topic.write((30..40).map(|n| event(n.to_string()))).await;
    let _stand_in = StandIn::start(&topic, &sink, &[]).await;
    let posts = sink.posted(70).await;
    let offsets: BTreeSet<u64> = posts[30..]
        .iter()
        .map(|post| post.id().parse().unwrap())
        .collect();
    assert_eq!(offsets, BTreeSet::from_iter(0..40));
}

#[tokio::test]
async fn positions_are_committed_every_five_seconds_up_to_the_first_that_is_not_done() {
    let topic = Topic::new(1).await;
    let sink = Sink::answers(|post, _| status(if post.id() == "2" { 503 } else { 204 }));
    topic.write((0..5).map(|n| event(n.to_string()))).await;
    let stand_in = StandIn::start(&topic, &sink, &PATIENT).await;
    stand_in
        .counts("kafka_source_events_delivered_total", 4)
        .await;
    let started = Instant::now();
    let committed = eventually("a commit", async || topic.committed().await).await;
    assert_eq!(committed, 2);
    assert!(
        started.elapsed() < Duration::from_secs(8),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test]
async fn a_stop_lets_events_arrive_commits_and_leaves_with_zero() {
    let topic = Topic::new(1).await;
    let sink = Sink::acts(|_, _| {
        Box::pin(async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            Some(status(204))
        })
    });
    topic.write((0..10).map(|n| event(n.to_string()))).await;
    let stand_in = StandIn::start(&topic, &sink, &[]).await;
    sink.posted(10).await;
    assert!(stand_in.stop().await.success());
    assert_eq!(topic.committed().await, Some(10));
    assert_eq!(sink.posts().len(), 10, "nothing was sent twice");
}

#[tokio::test]
async fn a_stop_does_not_wait_for_the_next_try_of_an_event() {
    let topic = Topic::new(1).await;
    let sink = Sink::answers(|_, _| status(503));
    topic.write([event("1")]).await;
    let variables = [("RETRY", "1"), ("BACKOFF_DELAY", "PT600S")];
    let stand_in = StandIn::start(&topic, &sink, &variables).await;
    sink.posted(1).await;
    let started = Instant::now();
    assert!(stand_in.stop().await.success());
    assert!(
        started.elapsed() < Duration::from_secs(4),
        "{:?}",
        started.elapsed()
    );
    assert!(
        topic.committed().await.unwrap_or_default() == 0,
        "it comes again"
    );
}
