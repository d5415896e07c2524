use std::time::Instant;

use rdkafka::mocking::MockCluster;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use super::*;

const PATIENCE: Duration = Duration::from_secs(20);

fn message() -> Message<'static> {
    Message {
        topic: "purchases",
        key: Some(b"ada"),
        headers: OwnedHeaders::new(),
        value: Some(b"{}"),
    }
}

/// Only a producer with idempotence can fail for good by what a broker says, and this one has none; but librdkafka has other
/// reasons, and whoever meets one must not stay dead.
#[tokio::test(flavor = "multi_thread")]
async fn a_producer_that_failed_for_good_is_replaced() {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("purchases", 1, 1).unwrap();
    cluster.request_errors(
        RDKafkaApiKey::InitProducerId,
        &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED],
    );
    let mut config = Connection::plaintext(cluster.bootstrap_servers()).client_config();
    config.set("enable.idempotence", "true");
    let producer = Producer::start(config, PATIENCE).unwrap();

    let first = match producer.send(message()) {
        Ok(receipt) => receipt.settled().await,
        Err(error) => Err(error),
    };
    assert!(first.is_err(), "{first:?}");
    let started = Instant::now();
    loop {
        let sent = producer.send(message());
        if let Ok(receipt) = sent
            && receipt.settled().await.is_ok()
        {
            break;
        }
        assert!(started.elapsed() < PATIENCE, "it stays dead");
        tokio::task::yield_now().await;
    }
    assert_eq!(producer.close(PATIENCE).await, 0);
}
