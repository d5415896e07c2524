//! What is tried again, when, and what is final.

use std::future::pending;
use std::time::Duration;

use futures_util::future::join_all;

use crate::sink::{Post, Sink, answer, status};
use crate::stand_in::{PATIENT, StandIn};
use crate::topic::{Topic, event};

const RETRIED: [u16; 9] = [404, 408, 409, 429, 500, 501, 502, 503, 599];
const REFUSED: [u16; 15] = [
    300, 301, 302, 303, 304, 307, 308, 400, 401, 403, 405, 410, 413, 415, 422,
];
const TAKEN: [u16; 5] = [200, 201, 202, 204, 299];

/// The time between one post and the next.
fn waits(posts: &[Post]) -> Vec<Duration> {
    posts
        .windows(2)
        .map(|pair| pair[1].at - pair[0].at)
        .collect()
}

#[tokio::test]
async fn a_status_decides_between_success_another_try_and_the_dead_letter_sink() {
    let topic = Topic::new(1).await;
    let sink = Sink::answers(|post, nth| {
        let first = post.id().parse().unwrap();
        let elsewhere = [("Location", "/elsewhere")];
        if nth == 1 {
            answer(first, &elsewhere, "")
        } else {
            status(204)
        }
    });
    let dead_letters = Sink::new();
    let all: Vec<u16> = [&RETRIED[..], &REFUSED, &TAKEN].concat();
    topic
        .write(all.iter().map(|status| event(status.to_string())))
        .await;
    let stand_in = StandIn::with_dead_letters(&topic, [&sink, &dead_letters], &PATIENT).await;

    stand_in
        .counts(
            "kafka_source_events_delivered_total",
            (RETRIED.len() + TAKEN.len()) as u64,
        )
        .await;
    stand_in
        .counts("kafka_source_dead_letters_total", REFUSED.len() as u64)
        .await;
    let ids = sink.ids();
    let tries = |status: &u16| ids.iter().filter(|id| **id == status.to_string()).count();
    for status in RETRIED {
        assert_eq!(tries(&status), 2, "{status}");
    }
    for status in REFUSED.iter().chain(&TAKEN) {
        assert_eq!(tries(status), 1, "{status}");
    }
    let mut dead = dead_letters.ids();
    dead.sort();
    assert_eq!(dead, REFUSED.map(|status| status.to_string()));
    assert!(
        sink.posts().iter().all(|post| post.path == "/in?a=%2F"),
        "no redirect is followed"
    );
    stand_in.says("a sink answers 303").await;
}

#[tokio::test]
async fn broken_connections_and_silence_are_tried_again() {
    let topic = Topic::new(1).await;
    let sink = Sink::acts(|post, nth| {
        Box::pin(async move {
            match (post.id().as_str(), nth) {
                ("broken", 1) => None,
                ("silent", 1) => pending().await,
                _ => Some(status(204)),
            }
        })
    });
    topic.write([event("broken"), event("silent")]).await;
    let variables = [&PATIENT[..], &[("TIMEOUT", "PT0.2S")]].concat();
    let stand_in = StandIn::start(&topic, &sink, &variables).await;
    stand_in
        .counts("kafka_source_events_delivered_total", 2)
        .await;
    let mut ids = sink.ids();
    ids.sort();
    assert_eq!(ids, ["broken", "broken", "silent", "silent"]);
}

#[tokio::test]
async fn linear_waits_grow_by_the_delay_and_retry_after_is_ignored() {
    let topic = Topic::new(1).await;
    let sink = Sink::answers(|_, nth| {
        if nth < 4 {
            answer(503, &[("Retry-After", "3600")], "")
        } else {
            status(204)
        }
    });
    topic.write([event("1")]).await;
    let _stand_in = StandIn::start(&topic, &sink, &PATIENT).await;
    let waits = waits(&sink.posted(4).await);
    for (wait, expected) in waits.iter().zip([100, 200, 300]) {
        assert!(*wait >= Duration::from_millis(expected), "{waits:?}");
    }
}

#[tokio::test]
async fn exponential_waits_double() {
    let topic = Topic::new(1).await;
    let sink = Sink::answers(|_, nth| if nth < 3 { status(503) } else { status(204) });
    topic.write([event("1")]).await;
    let variables = [("RETRY", "3"), ("BACKOFF_DELAY", "PT0.1S")];
    let _stand_in = StandIn::start(&topic, &sink, &variables).await;
    let waits = waits(&sink.posted(3).await);
    for (wait, expected) in waits.iter().zip([200, 400]) {
        assert!(*wait >= Duration::from_millis(expected), "{waits:?}");
    }
}

#[tokio::test]
async fn without_retry_or_with_a_delay_cut_to_nothing_there_is_one_try() {
    join_all(
        [
            &[][..],
            &[("RETRY", "0")],
            &[("RETRY", "5"), ("BACKOFF_DELAY", "PT0.05S")],
        ]
        .map(async |variables| {
            let (topic, dead_letters) = (Topic::new(1).await, Sink::new());
            let sink = Sink::answers(|_, _| status(503));
            topic.write([event("1")]).await;
            let _stand_in =
                StandIn::with_dead_letters(&topic, [&sink, &dead_letters], variables).await;
            dead_letters.posted(1).await;
            assert_eq!(sink.ids(), ["1"], "{variables:?}");
        }),
    )
    .await;
}

#[tokio::test]
async fn what_a_sink_replies_is_ignored() {
    let (topic, dead_letters) = (Topic::new(1).await, Sink::new());
    let sink = Sink::answers(|post, _| {
        let reply = [
            ("ce-specversion", "1.0"),
            ("ce-id", "r"),
            ("ce-source", "/r"),
            ("ce-type", "r"),
        ];
        let size = post.id().parse().unwrap();
        answer(200, &reply, vec![b'x'; size])
    });
    topic
        .write([10, 1_000, 2_000_000].map(|size| event(size.to_string())))
        .await;
    let stand_in = StandIn::with_dead_letters(&topic, [&sink, &dead_letters], &[]).await;
    stand_in
        .counts("kafka_source_events_delivered_total", 3)
        .await;
    assert_eq!((sink.posts().len(), dead_letters.posts().len()), (3, 0));
}

#[tokio::test]
async fn a_sink_that_was_away_gets_everything_when_it_is_back() {
    let (topic, dead_letters, mut sink) = (Topic::new(1).await, Sink::new(), Sink::new());
    sink.down().await;
    topic.write((0..20).map(|n| event(n.to_string()))).await;
    let stand_in = StandIn::with_dead_letters(&topic, [&sink, &dead_letters], &PATIENT).await;
    stand_in.says("delivery is repeated").await;
    sink.up();
    stand_in
        .counts("kafka_source_events_delivered_total", 20)
        .await;

    sink.down().await;
    topic.write((20..40).map(|n| event(n.to_string()))).await;
    stand_in.counts("kafka_source_events_in_flight", 20).await;
    sink.up();
    stand_in
        .counts("kafka_source_events_delivered_total", 40)
        .await;
    let mut ids: Vec<u32> = sink.ids().iter().map(|id| id.parse().unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(ids, Vec::from_iter(0..40));
    assert_eq!(dead_letters.ids(), Vec::<String>::new());
}
