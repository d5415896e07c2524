//! What a request looks like.

use std::collections::BTreeMap;

use http::Version;

use crate::sink::{Post, Sink};
use crate::stand_in::StandIn;
use crate::topic::{RECORDED_AT, Record, Topic, event, raw};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

/// What arrives of these records of one partition, in their order.
async fn arriving(records: impl IntoIterator<Item = Record>) -> Vec<Post> {
    let (topic, sink) = (Topic::new(1).await, Sink::new());
    let records: Vec<Record> = records.into_iter().collect();
    let number = records.len();
    topic.write(records).await;
    let _stand_in = StandIn::start(&topic, &sink, &[("ORDERING", "ordered")]).await;
    sink.posted(number).await
}

/// All headers but those of every HTTP request.
fn headers(post: &Post) -> BTreeMap<String, String> {
    let names = post.headers.keys().map(http::HeaderName::as_str);
    let own =
        names.filter(|name| !["host", "user-agent", "content-length", "accept"].contains(name));
    own.map(|name| (name.to_owned(), post.header(name).unwrap()))
        .collect()
}

fn expected(headers: &[(&str, &str)]) -> BTreeMap<String, String> {
    headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

#[tokio::test]
async fn an_event_is_one_post_in_binary_mode_and_says_where_it_comes_from() {
    let record = event("1")
        .key("k")
        .header("ce_time", "2026-01-31T13:00:00.500+01:00")
        .header("ce_who", "100% ok");
    let posts = arriving([raw("{}"), record]).await;
    let post = &posts[1];
    assert_eq!(
        (post.method.as_str(), post.path.as_str()),
        ("POST", "/in?a=%2F")
    );
    assert_eq!(
        (post.version, &post.body[..]),
        (Version::HTTP_11, &b"{\"n\":1}"[..])
    );
    let expected = expected(&[
        ("ce-specversion", "1.0"),
        ("ce-id", "1"),
        ("ce-source", "/shop/till"),
        ("ce-type", "shop.sold"),
        ("ce-time", "2026-01-31T12:00:00.5Z"),
        ("ce-who", "100% ok"),
        ("ce-knativekafkapartition", "0"),
        ("ce-knativekafkaoffset", "1"),
        ("content-type", "application/json"),
        ("prefer", "reply"),
        ("kn-namespace", "shop"),
    ]);
    assert_eq!(headers(post), expected);
}

#[tokio::test]
async fn a_raw_record_is_wrapped_with_its_place_as_id() {
    let record = raw("no JSON")
        .key("k1")
        .header("Some-Header", "x")
        .header("ce_id", "not enough");
    let posts = arriving([
        record,
        raw("2").header("Content-Type", "Text/Plain"),
        raw("").value(None),
    ])
    .await;
    let source = posts[0].header("ce-source").unwrap();
    let (source, topic) = source.split_once('#').unwrap();
    assert_eq!(source, "/apis/v1/namespaces/shop/kafkasources/till");
    let expected = expected(&[
        ("ce-specversion", "1.0"),
        ("ce-type", "dev.knative.kafka.event"),
        ("ce-id", "partition:0/offset:0"),
        ("ce-source", &format!("{source}#{topic}")),
        ("ce-subject", "partition:0#0"),
        ("ce-time", RECORDED_AT.1),
        ("ce-partitionkey", "k1"),
        ("ce-key", "k1"),
        ("ce-kafkaheadersomeheader", "x"),
        ("ce-kafkaheaderceid", "not enough"),
        ("ce-knativekafkapartition", "0"),
        ("ce-knativekafkaoffset", "0"),
        ("prefer", "reply"),
        ("kn-namespace", "shop"),
    ]);
    assert_eq!(
        (headers(&posts[0]), &posts[0].body[..]),
        (expected, &b"no JSON"[..])
    );
    assert_eq!(posts[1].header("content-type").unwrap(), "text/plain");
    assert_eq!(
        (posts[2].id().as_str(), &posts[2].body[..]),
        ("partition:0/offset:2", &b""[..])
    );
}

#[tokio::test]
async fn an_event_in_structured_mode_arrives_in_binary_mode() {
    let json = r#"{"specversion":"1.0","id":"7","source":"/s","type":"t","datacontenttype":"application/json","data":{"price":1.10}}"#;
    let record = raw(json).header(
        "content-type",
        "application/cloudevents+json; charset=utf-8",
    );
    let posts = arriving([record]).await;
    assert_eq!(
        (posts[0].id().as_str(), &posts[0].body[..]),
        ("7", &br#"{"price":1.10}"#[..])
    );
    assert_eq!(posts[0].header("content-type").unwrap(), "application/json");
}

#[tokio::test]
async fn the_trace_of_the_kafka_header_goes_on_with_a_new_span() {
    let traceparent = format!("00-{TRACE}-{SPAN}-01");
    let other = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let traced = event("1")
        .header("traceparent", traceparent.as_str())
        .header("tracestate", "a=1")
        .header("ce_traceparent", other);
    let posts = arriving([
        traced,
        event("2").header("ce_traceparent", other),
        event("3").header("traceparent", "x"),
    ])
    .await;
    let sent = posts[0].header("traceparent").unwrap();
    let fields: Vec<_> = sent.split('-').collect();
    assert_eq!((fields[0], fields[1], fields[3]), ("00", TRACE, "01"));
    assert!(fields[2] != SPAN && fields[2].len() == 16, "{sent}");
    assert_eq!(posts[0].header("tracestate").unwrap(), "a=1");
    for post in &posts[..2] {
        assert_eq!(
            post.header("ce-traceparent").unwrap(),
            other,
            "the extension is data like any other"
        );
    }
    for post in &posts[1..] {
        assert_eq!(post.header("traceparent"), None, "no trace is begun");
    }
}

#[tokio::test]
async fn attributes_beyond_latin_1_are_mangled() {
    let posts = arriving([event("ä").header("ce_who", "Łukasz 🛒")]).await;
    assert_eq!(posts[0].id(), "ä");
    assert_eq!(posts[0].header("ce-who").unwrap(), "?ukasz ??");
}

#[tokio::test]
async fn connections_are_kept() {
    let posts = arriving((0..20).map(|n| event(n.to_string()))).await;
    assert!(
        posts.iter().all(|post| post.connection == 0),
        "one after another needs one connection"
    );
}
