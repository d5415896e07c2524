//! Brokers that misbehave: every append is answered in time, with what is known, and the log recovers by itself.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use kafka_log::{Connection, KafkaLog, LogOptions};
use purchase::{AppendError, EventLog, PortError, PurchaseEvent};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey as Api, RDKafkaRespErr as Code};
use testkit::{eventually, sample};
use tokio::net::TcpListener;

const TOPIC: &str = "purchases";
/// How long an append may take in these tests.
const DEADLINE: Duration = Duration::from_secs(3);
/// What "at once" may mean on a busy machine.
const SOON: Duration = Duration::from_secs(1);

type Cluster = MockCluster<'static, DefaultProducerContext>;

fn log_at(brokers: impl Into<String>) -> KafkaLog {
    let options = LogOptions {
        deadline: DEADLINE,
        queue_events_max: 10,
        ..LogOptions::default()
    };
    KafkaLog::new(&Connection::plaintext(brokers), TOPIC, options).unwrap()
}

fn cluster() -> (Cluster, KafkaLog) {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic(TOPIC, 1, 1).unwrap();
    let log = log_at(cluster.bootstrap_servers());
    (cluster, log)
}

async fn append(log: &KafkaLog) -> (Result<(), AppendError>, Duration) {
    let started = Instant::now();
    let event = PurchaseEvent {
        purchase: sample::purchase("ada"),
        traceparent: None,
    };
    let result = log.append(event).await;
    (result, started.elapsed())
}

/// A port of this machine where nobody listens.
async fn closed_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap()
}

/// A port that takes connections and never says a word.
async fn silent_port() -> (SocketAddr, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    (listener.local_addr().unwrap(), listener)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_survives_what_may_pass() {
    let (cluster, log) = cluster();
    append(&log).await.0.unwrap();
    for passing in [
        Code::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
        Code::RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE,
        Code::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
        Code::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND,
        Code::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
        Code::RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR,
        Code::RD_KAFKA_RESP_ERR_INVALID_MSG,
        // The broker hangs up.
        Code::RD_KAFKA_RESP_ERR__TRANSPORT,
    ] {
        cluster.request_errors(Api::Produce, &[passing]);
        let (result, took) = append(&log).await;
        assert!(
            result.is_ok() && took < 2 * SOON,
            "{passing:?}: {result:?} after {took:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_replicas_are_missing_for_is_unknown_at_the_deadline() {
    let (cluster, log) = cluster();
    append(&log).await.0.unwrap();
    cluster.request_errors(
        Api::Produce,
        &[Code::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS; 1_000],
    );
    let (result, took) = append(&log).await;
    assert!(
        matches!(result, Err(AppendError::Unknown(PortError::Transient(_)))),
        "{result:?}"
    );
    assert!(took < DEADLINE + SOON, "{took:?}");
    cluster.clear_request_errors(Api::Produce);
    append(&log).await.0.unwrap();
}

/// The first try may have been written, although the broker does not know the topic when it is asked again.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_whose_topic_vanishes_before_the_second_try_is_unknown() {
    let (cluster, log) = cluster();
    eventually("the topic", async || log.probe().await.ok()).await;
    let vanished = Code::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    let mut errors = vec![Code::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT];
    errors.extend([vanished; 1_000]);
    cluster.request_errors(Api::Produce, &errors);
    cluster.topic_error(TOPIC, vanished).unwrap();
    let (result, _) = append(&log).await;
    assert!(
        matches!(result, Err(AppendError::Unknown(PortError::Transient(_)))),
        "{result:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_certain_and_at_once() {
    let (cluster, log) = cluster();
    append(&log).await.0.unwrap();
    for refusal in [
        Code::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
        Code::RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE,
        Code::RD_KAFKA_RESP_ERR_INVALID_RECORD,
        Code::RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP,
        Code::RD_KAFKA_RESP_ERR_POLICY_VIOLATION,
        Code::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
    ] {
        cluster.request_errors(Api::Produce, &[refusal]);
        let (result, took) = append(&log).await;
        assert!(
            matches!(
                result,
                Err(AppendError::NotRecorded(PortError::Permanent(_)))
            ),
            "{refusal:?}: {result:?}"
        );
        assert!(took < SOON, "{refusal:?}: {took:?}");
    }
    // Somebody mended it.
    eventually("an event that is allowed again", async || {
        append(&log).await.0.ok()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_may_not_be_seen_is_refused_until_it_may() {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic(TOPIC, 1, 1).unwrap();
    let denied = Code::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    cluster.topic_error(TOPIC, denied).unwrap();
    let log = log_at(cluster.bootstrap_servers());
    let (result, took) = append(&log).await;
    assert!(
        matches!(
            result,
            Err(AppendError::NotRecorded(PortError::Permanent(_)))
        ),
        "{result:?}"
    );
    assert!(took < SOON, "{took:?}");
    assert!(matches!(log.probe().await, Err(PortError::Permanent(_))));

    let allowed = Code::RD_KAFKA_RESP_ERR_NO_ERROR;
    cluster.topic_error(TOPIC, allowed).unwrap();
    eventually("an event that is allowed again", async || {
        append(&log).await.0.ok()
    })
    .await;
}

/// A first try may have reached it, and a broker that has just started may not know its topics yet.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_for_a_topic_that_vanished_is_unknown() {
    let (cluster, log) = cluster();
    append(&log).await.0.unwrap();
    let vanished = Code::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    cluster.request_errors(Api::Produce, &[vanished; 1_000]);
    cluster.topic_error(TOPIC, vanished).unwrap();
    let (result, took) = append(&log).await;
    assert!(
        matches!(result, Err(AppendError::Unknown(PortError::Transient(_)))),
        "{result:?}"
    );
    assert!(took < DEADLINE + SOON, "{took:?}");

    cluster.clear_request_errors(Api::Produce);
    let back = Code::RD_KAFKA_RESP_ERR_NO_ERROR;
    cluster.topic_error(TOPIC, back).unwrap();
    // Seen so soon, librdkafka goes on to take it for missing.
    log.probe().await.unwrap();
    eventually("an event in the topic that is back", async || {
        append(&log).await.0.ok()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_ends_with_the_first_event_after_it() {
    let (cluster, log) = cluster();
    append(&log).await.0.unwrap();
    cluster.broker_down(-1).unwrap();
    let (result, took) = append(&log).await;
    assert!(
        matches!(result, Err(AppendError::Unknown(PortError::Transient(_)))),
        "{result:?}"
    );
    assert!(took < DEADLINE + SOON, "{took:?}");
    assert!(log.probe().await.is_err());
    cluster.broker_up(-1).unwrap();
    let (result, took) = append(&log).await;
    assert!(
        result.is_ok() && took < Duration::from_secs(2),
        "{result:?} after {took:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_away_or_silent_is_no_reason_to_hang() {
    let (silent, _listener) = silent_port().await;
    for address in [closed_port().await, silent] {
        let log = log_at(address.to_string());
        let (result, took) = append(&log).await;
        assert!(
            matches!(result, Err(AppendError::Unknown(PortError::Transient(_)))),
            "{result:?}"
        );
        assert!(took < DEADLINE + SOON, "{took:?}");
        let started = Instant::now();
        assert!(matches!(log.probe().await, Err(PortError::Transient(_))));
        assert!(
            started.elapsed() < Duration::from_secs(2) + SOON,
            "{:?}",
            started.elapsed()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_is_refused_at_once_and_certain() {
    let log = log_at(closed_port().await.to_string());
    let mut waiting = Vec::new();
    for _ in 0..10 {
        let mut append = Box::pin(append(&log));
        // Asked once, so that it is handed over.
        assert!(futures_util::poll!(&mut append).is_pending());
        waiting.push(append);
    }
    let (result, took) = append(&log).await;
    assert!(
        matches!(
            result,
            Err(AppendError::NotRecorded(PortError::Transient(_)))
        ),
        "{result:?}"
    );
    assert!(took < SOON, "{took:?}");
    for result in waiting {
        let (result, _) = result.await;
        assert!(
            matches!(result, Err(AppendError::Unknown(PortError::Transient(_)))),
            "{result:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_during_an_outage_ends_and_leaves_no_caller_waiting() {
    let log = log_at(closed_port().await.to_string());
    let waiting = tokio::spawn({
        let log = log.clone();
        async move { append(&log).await.0 }
    });
    let started = Instant::now();
    log.close(Duration::from_millis(100)).await;
    assert!(started.elapsed() < 2 * SOON, "{:?}", started.elapsed());
    // Taken before the log was closed, or refused after it.
    assert!(waiting.await.unwrap().is_err());
    assert!(started.elapsed() < 2 * SOON, "{:?}", started.elapsed());
}
