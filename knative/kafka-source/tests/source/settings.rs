//! Configuration, what is said of it, and the routes for probes.

use testkit::eventually;
use testkit::process::Process;

use crate::sink::Sink;
use crate::stand_in::{PATIENT, StandIn, command};
use crate::topic::Topic;

#[tokio::test]
async fn bad_configuration_is_reported_all_at_once_without_secrets() {
    let (topic, sink) = (Topic::new(1).await, Sink::new());
    let variables = [
        ("SINK", "https://me:hunter2@storer"),
        ("ORDERING", "sometimes"),
        ("RETRY", "many"),
        ("BACKOFF_DELAY", "300ms"),
        ("MAX_POLL_RECORDS", "0"),
        ("SOURCE_NAMESPACE", "a/b"),
        ("KAFKA_BROKER", "nowhere"),
    ];
    let mut process = Process::start(&mut command(&topic, &sink, &variables));
    assert_eq!(process.exit_status().await.code(), Some(64));
    for (name, _) in variables {
        process.line_with(&format!("  {name}: expected")).await;
    }
    assert!(!process.said().contains("hunter2"));
}

#[tokio::test]
async fn it_says_how_long_an_event_is_tried_and_warns_when_a_day_is_too_long() {
    let (topic, sink, dead_letters) = (Topic::new(1).await, Sink::new(), Sink::new());
    let day = [
        ("RETRY", "1320"),
        ("BACKOFF_POLICY", "linear"),
        ("BACKOFF_DELAY", "PT0.1S"),
    ];
    for (variables, level, said) in [
        (
            &day[..],
            "INFO",
            "1320 times within 24 h 13 min, the longest wait 132 s; then it goes to http://",
        ),
        (
            &[("RETRY", "2"), ("BACKOFF_DELAY", "PT0.1S")],
            "WARN",
            "2 times within 0.6 s, the longest wait 0.4 s; then it goes to http://",
        ),
        (
            &[("RETRY", "2"), ("BACKOFF_DELAY", "PT0.05S")],
            "WARN",
            "BACKOFF_DELAY, cut to tenths of a second, is nothing",
        ),
        (&[], "WARN", "not tried again; then it goes to http://"),
    ] {
        let stand_in = StandIn::with_dead_letters(&topic, [&sink, &dead_letters], variables).await;
        let line = stand_in.says(said).await;
        assert!(line.contains(level), "{line}");
        stand_in.kill();
    }
    let stand_in = StandIn::start(&topic, &sink, &[]).await;
    let line = stand_in
        .says("10 times within 10 min, the longest wait 5 min; then it is LOST")
        .await;
    assert!(line.contains("WARN"), "{line}");
}

#[tokio::test]
async fn health_is_at_once_and_a_missing_topic_is_told_by_ready() {
    let (topic, sink) = (Topic::new(1).await, Sink::new());
    let stand_in = StandIn::start(&topic, &sink, &PATIENT).await;
    assert_eq!(stand_in.get("/health").await.0, 200);
    eventually("ready", async || {
        (stand_in.get("/ready").await.0 == 200).then_some(())
    })
    .await;
    let stand_in = StandIn::start(&Topic::missing(), &sink, &PATIENT).await;
    eventually("not ready", async || {
        let (status, answer) = stand_in.get("/ready").await;
        (status == 503 && answer.contains("log: ")).then_some(())
    })
    .await;
}
