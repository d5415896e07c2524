//! The producer in front of a real broker.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

mod support;

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use kafka_log::{Connection, KafkaLog, LogOptions, record};
use purchase::{AppendError, EventLog, Item, PortError, PurchaseEvent, Username};
use testkit::{eventually, sample, services};

fn log(topic: &str) -> KafkaLog {
    let connection = Connection::plaintext(services::kafka());
    KafkaLog::new(&connection, topic, LogOptions::default()).unwrap()
}

fn event(userid: &str) -> PurchaseEvent {
    PurchaseEvent {
        purchase: sample::purchase(userid),
        traceparent: None,
    }
}

/// As large as a purchase can be: about six kilobytes.
fn large_event() -> PurchaseEvent {
    let mut event = event(&"🛒".repeat(256));
    event.purchase.username = Username::parse(&"🛒".repeat(1_000)).unwrap();
    event.purchase.item = Some(Item::parse(&"🛒".repeat(200)).unwrap());
    event
}

#[tokio::test(flavor = "multi_thread")]
async fn kafka_keeps_the_contract_of_a_log() {
    let topic = support::topic(1).await;
    testkit::contract::log::run(&log(&topic), async || {
        let records = support::read_all(&topic).await;
        records
            .iter()
            .map(|record| record::read(record, "/test"))
            .collect()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_has_the_user_as_key_and_headers_of_printable_ascii() {
    let topic = support::topic(3).await;
    let log = log(&topic);
    for userid in sample::HOSTILE_USER_IDS {
        let traceparent =
            Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned());
        log.append(PurchaseEvent {
            traceparent,
            ..event(userid)
        })
        .await
        .unwrap();
    }
    let records = support::read_all(&topic).await;
    assert_eq!(records.len(), sample::HOSTILE_USER_IDS.len());
    for record in records {
        let key = String::from_utf8(record.key.clone().unwrap()).unwrap();
        assert!(sample::HOSTILE_USER_IDS.contains(&&*key), "{key}");
        assert_eq!(record.headers.len(), 8, "{record:?}");
        for (name, value) in &record.headers {
            let value = value.as_deref().unwrap_or_else(|| panic!("{name} is null"));
            assert!(
                value.iter().all(|byte| (b' '..=b'~').contains(byte)),
                "{name}: {value:?}"
            );
        }
    }
}

/// A broker compares a batch, and not each record, with the largest that the topic allows.
#[tokio::test(flavor = "multi_thread")]
async fn large_events_that_wait_together_are_not_too_large_for_the_topic() {
    let topic = support::topic_with(1, &[("max.message.bytes", "131072")]).await;
    let log = log(&topic);
    let appended = join_all((0..1_000).map(|_| log.append(large_event()))).await;
    for result in appended {
        result.unwrap();
    }
    assert_eq!(support::read_all(&topic).await.len(), 1_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_too_large_is_refused_for_good() {
    let topic = support::topic_with(1, &[("max.message.bytes", "4096")]).await;
    let log = log(&topic);
    let error = log.append(large_event()).await.unwrap_err();
    assert!(
        matches!(error, AppendError::NotRecorded(PortError::Permanent(_))),
        "{error:?}"
    );
    log.append(event("ada")).await.unwrap();
    assert_eq!(support::read_all(&topic).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_topic_is_named_at_once_and_used_once_it_is_there() {
    let topic = support::unused_topic();
    let log = log(&topic);
    let started = Instant::now();
    let error = log.append(event("ada")).await.unwrap_err();
    // Not certain: a broker that has just come back does not know its topics either.
    assert!(
        matches!(error, AppendError::Unknown(PortError::Transient(_))),
        "{error:?}"
    );
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "{:?}",
        started.elapsed()
    );
    let error = log.probe().await.unwrap_err();
    assert!(matches!(error, PortError::Permanent(_)), "{error:?}");

    support::create(&topic, 1, &[]).await;
    eventually("an event in the new topic", async || {
        log.append(event("ada")).await.ok()
    })
    .await;
    log.probe().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_waits_for_what_was_taken_and_takes_no_more() {
    let topic = support::topic(1).await;
    let log = log(&topic);
    let mut taken = Vec::new();
    for _ in 0..500 {
        let mut append = Box::pin({
            let log = log.clone();
            async move { log.append(event("ada")).await }
        });
        // Asked once, so that it is handed over.
        let _ = futures_util::poll!(&mut append);
        taken.push(append);
    }
    log.close(testkit::PATIENCE).await;
    for append in taken {
        append.await.unwrap();
    }
    let error = log.append(event("ada")).await.unwrap_err();
    assert!(
        matches!(error, AppendError::NotRecorded(PortError::Transient(_))),
        "{error:?}"
    );
    assert!(log.probe().await.is_err());
    log.close(testkit::PATIENCE).await;
    assert_eq!(support::read_all(&topic).await.len(), 500);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_was_never_used_closes_at_once() {
    let started = Instant::now();
    log("purchases").close(Duration::from_secs(10)).await;
    assert!(
        started.elapsed() < Duration::from_secs(2),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn probing_by_many_at_once_is_answered_for_all() {
    let topic = support::topic(1).await;
    let log = log(&topic);
    log.append(event("ada")).await.unwrap();
    for probed in join_all((0..20).map(|_| log.probe())).await {
        probed.unwrap();
    }
}
