//! How events are lost: loudly here, and as the real one loses them.

use crate::sink::{Sink, status};
use crate::stand_in::StandIn;
use crate::topic::{Topic, event, raw};

const ONE_RETRY: [(&str, &str); 3] = [
    ("RETRY", "1"),
    ("BACKOFF_POLICY", "linear"),
    ("BACKOFF_DELAY", "PT0.1S"),
];

#[tokio::test]
async fn without_a_dead_letter_sink_an_event_that_is_not_taken_is_lost_and_its_position_committed()
{
    let topic = Topic::new(1).await;
    let sink = Sink::answers(|post, _| status(if post.id() == "bad" { 422 } else { 204 }));
    topic.write([event("bad"), event("good")]).await;
    let stand_in = StandIn::start(&topic, &sink, &[]).await;
    stand_in
        .says("then it is LOST, because there is no DEAD_LETTER_SINK")
        .await;
    stand_in.counts_lost("no-dead-letter-sink", 1).await;
    let line = stand_in.says("EVENT LOST").await;
    for part in [
        &format!("\"topic\":\"{}\"", topic.name),
        "\"partition\":0",
        "\"offset\":0",
        "422 Unprocessable Entity",
        "ERROR",
    ] {
        assert!(line.contains(part), "{part}: {line}");
    }
    sink.got("good").await;
    assert!(stand_in.stop().await.success());
    assert_eq!(topic.committed().await, Some(2));
}

#[tokio::test]
async fn when_the_dead_letter_sink_fails_too_the_event_is_lost_and_its_position_committed() {
    let topic = Topic::new(1).await;
    let sink = Sink::answers(|post, _| status(if post.id() == "bad" { 400 } else { 204 }));
    let dead_letters = Sink::answers(|_, _| status(503));
    topic.write([event("bad"), event("good")]).await;
    let stand_in = StandIn::with_dead_letters(&topic, [&sink, &dead_letters], &ONE_RETRY).await;
    stand_in.counts_lost("dead-letter-failed", 1).await;
    assert_eq!((sink.posts().len(), dead_letters.posts().len()), (2, 2));
    assert!(stand_in.stop().await.success());
    assert_eq!(topic.committed().await, Some(2));
}

#[tokio::test]
async fn an_event_with_a_line_break_in_an_attribute_is_lost_after_all_its_tries() {
    let (topic, sink, dead_letters) = (Topic::new(1).await, Sink::new(), Sink::new());
    topic
        .write([
            event("1").header("ce_who", "a\r\nb"),
            event("2").header("ce_who", "a\nb"),
            event("3"),
        ])
        .await;
    let stand_in = StandIn::with_dead_letters(&topic, [&sink, &dead_letters], &ONE_RETRY).await;
    stand_in.says("the event cannot be sent").await;
    stand_in.counts_lost("unsendable", 2).await;
    assert_eq!(
        (sink.ids(), dead_letters.ids()),
        (vec!["3".to_owned()], Vec::new())
    );
}

#[tokio::test]
async fn a_record_with_a_null_header_is_lost_and_its_position_committed() {
    let (topic, sink, dead_letters) = (Topic::new(1).await, Sink::new(), Sink::new());
    topic
        .write([
            raw("{}").null_header("a"),
            event("1").null_header("ce_who"),
            event("2"),
        ])
        .await;
    let stand_in = StandIn::with_dead_letters(&topic, [&sink, &dead_letters], &ONE_RETRY).await;
    stand_in.counts_lost("null-header", 2).await;
    sink.got("2").await;
    assert_eq!((sink.posts().len(), dead_letters.posts().len()), (1, 0));
    assert!(stand_in.stop().await.success());
    assert_eq!(topic.committed().await, Some(3));
}
