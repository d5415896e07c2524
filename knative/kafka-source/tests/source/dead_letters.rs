//! What the dead letter sink gets.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::sink::{Post, Sink, answer, status};
use crate::stand_in::{PATIENT, StandIn};
use crate::topic::{Topic, event};

const ONE_RETRY: [(&str, &str); 3] = [
    ("RETRY", "1"),
    ("BACKOFF_POLICY", "linear"),
    ("BACKOFF_DELAY", "PT0.1S"),
];

/// The headers that the first post did not have.
fn added(before: &Post, after: &Post) -> BTreeMap<String, String> {
    let names = after.headers.keys().map(http::HeaderName::as_str);
    let new = names.filter(|name| *name != "host" && before.header(name) != after.header(name));
    new.map(|name| (name.to_owned(), after.header(name).unwrap()))
        .collect()
}

async fn buried(sink: &Sink, variables: &[(&str, &str)]) -> Post {
    let (topic, dead_letters) = (Topic::new(1).await, Sink::new());
    topic.write([event("1").header("ce_who", "me")]).await;
    let _stand_in = StandIn::with_dead_letters(&topic, [sink, &dead_letters], variables).await;
    dead_letters.posted(1).await.remove(0)
}

#[tokio::test]
async fn a_dead_letter_is_the_event_with_what_its_sink_said() {
    let body = Vec::from_iter((0..2_000).map(|n| u8::try_from(n % 251).unwrap()));
    let reply = body.clone();
    let sink = Sink::answers(move |_, _| {
        answer(
            422,
            &[("Kne-Reason", "invalid"), ("KNE-Detail2", "a b")],
            reply.clone(),
        )
    });
    let letter = buried(&sink, &[]).await;
    let data = BASE64_STANDARD.encode(&body[..1_024]);
    let expected = [
        ("ce-knativeerrordest", sink.url()),
        ("ce-knativeerrorcode", "422".to_owned()),
        ("ce-knativeerrordata", data),
        ("ce-reason", "invalid".to_owned()),
        ("ce-detail2", "a b".to_owned()),
    ];
    let first = &sink.posts()[0];
    assert_eq!(
        added(first, &letter),
        BTreeMap::from(expected.map(|(name, value)| (name.to_owned(), value)))
    );
    assert_eq!((letter.id().as_str(), &letter.body), ("1", &first.body));
    assert_eq!(letter.header("ce-who").unwrap(), "me");
}

#[tokio::test]
async fn a_dead_letter_tells_of_the_last_answer_only() {
    let sink = Sink::answers(|_, nth| {
        answer(
            if nth == 1 { 500 } else { 503 },
            &[("Kne-Try", &nth.to_string())],
            "",
        )
    });
    let letter = buried(&sink, &ONE_RETRY).await;
    assert_eq!(letter.header("ce-knativeerrorcode").unwrap(), "503");
    assert_eq!(letter.header("ce-try").unwrap(), "2");
    assert_eq!(
        letter.header("ce-knativeerrordata"),
        None,
        "an empty body is no data"
    );
}

#[tokio::test]
async fn without_an_answer_a_dead_letter_says_only_where_it_should_have_gone() {
    let sink = Sink::acts(|_, nth| {
        Box::pin(async move { (nth == 1).then(|| answer(503, &[("Kne-X", "x")], "why")) })
    });
    let letter = buried(&sink, &ONE_RETRY).await;
    let expected = BTreeMap::from([("ce-knativeerrordest".to_owned(), sink.url())]);
    assert_eq!(added(&sink.posts()[0], &letter), expected);
}

#[tokio::test]
async fn the_dead_letter_sink_is_tried_as_often_as_the_sink() {
    let topic = Topic::new(1).await;
    let sink = Sink::answers(|_, _| status(422));
    let dead_letters = Sink::answers(|_, nth| status(if nth < 2 { 503 } else { 202 }));
    topic.write([event("1")]).await;
    let stand_in = StandIn::with_dead_letters(&topic, [&sink, &dead_letters], &ONE_RETRY).await;
    stand_in.counts("kafka_source_dead_letters_total", 1).await;
    assert_eq!((sink.posts().len(), dead_letters.posts().len()), (1, 2));
}

#[tokio::test]
async fn while_both_sinks_are_away_nothing_is_lost() {
    let (topic, mut dead_letters) = (Topic::new(1).await, Sink::new());
    let mut sink = Sink::answers(|post, _| status(if post.id() == "bad" { 422 } else { 204 }));
    dead_letters.down().await;
    topic.write([event("bad")]).await;
    let stand_in = StandIn::with_dead_letters(&topic, [&sink, &dead_letters], &PATIENT).await;
    sink.got("bad").await;
    sink.down().await;
    topic.write((0..20).map(|n| event(n.to_string()))).await;
    stand_in.counts("kafka_source_events_in_flight", 21).await;
    sink.up();
    dead_letters.up();
    stand_in
        .counts("kafka_source_events_delivered_total", 20)
        .await;
    stand_in.counts("kafka_source_dead_letters_total", 1).await;
    assert_eq!(dead_letters.ids(), ["bad"]);
}

#[tokio::test]
async fn a_kne_header_that_names_no_extension_gets_the_event_stuck() {
    let (topic, dead_letters) = (Topic::new(1).await, Sink::new());
    let sink = Sink::answers(|post, _| match post.id().as_str() {
        "stuck" => answer(422, &[("Kne-Retry-At", "never")], ""),
        _ => status(204),
    });
    topic
        .write([event("before"), event("stuck"), event("after")])
        .await;
    let stand_in = StandIn::with_dead_letters(&topic, [&sink, &dead_letters], &[]).await;
    stand_in.counts("kafka_source_events_stuck", 1).await;
    stand_in
        .counts("kafka_source_events_delivered_total", 2)
        .await;
    assert_eq!(dead_letters.ids(), Vec::<String>::new());
    let line = stand_in.says("stuck until a restart").await;
    assert!(
        line.contains("Kne-retry-at") && line.contains("\"offset\":1"),
        "{line}"
    );
    assert!(stand_in.stop().await.success());
    assert_eq!(
        topic.committed().await,
        Some(1),
        "its position holds up those behind it"
    );
}
