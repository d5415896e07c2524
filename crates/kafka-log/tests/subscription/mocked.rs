//! Brokers that refuse what only a mocked cluster refuses on demand.

use std::time::Duration;

use kafka_log::{Connection, Subscription, SubscriptionOptions};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey as Api, RDKafkaRespErr as Code};
use testkit::eventually;

use crate::group::{Group, all_done, read};

type Cluster = MockCluster<'static, DefaultProducerContext>;

fn cluster() -> (Cluster, Group) {
    let cluster = MockCluster::new(1).unwrap();
    let group = Group::at(cluster.bootstrap_servers());
    cluster.create_topic(&group.topic, 1, 1).unwrap();
    (cluster, group)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_is_refused_is_tried_again() {
    let (cluster, group) = cluster();
    group.write(1, 0..10).await;
    let subscription = group.join();
    let deliveries = read(&subscription, 10).await;
    eventually("the commit of the beginning", async || {
        (group.committed(0).await == Some(0)).then_some(())
    })
    .await;
    cluster.request_errors(
        Api::OffsetCommit,
        &[Code::RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED; 3],
    );
    all_done(&subscription, &deliveries);
    eventually("the commit of everything", async || {
        (group.committed(0).await == Some(10)).then_some(())
    })
    .await;
}

/// librdkafka asks once where an assigned partition begins, and after some refusals never again.
#[tokio::test(flavor = "multi_thread")]
async fn a_coordinator_that_refuses_to_tell_positions_for_a_moment_keeps_nothing_from_being_read() {
    for refusal in [
        Code::RD_KAFKA_RESP_ERR_NOT_COORDINATOR,
        Code::RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE,
        Code::RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED,
    ] {
        let (cluster, group) = cluster();
        group.write(1, 0..10).await;
        cluster.request_errors(Api::OffsetFetch, &[refusal; 2]);
        read(&group.join(), 10).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_may_not_join_says_so_and_goes_on_trying() {
    let (cluster, group) = cluster();
    group.write(1, 0..1).await;
    cluster.request_errors(
        Api::JoinGroup,
        &[Code::RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED],
    );
    let subscription = group.join();
    fault_with(&subscription, "authorization").await;
    read(&subscription, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn brokers_that_are_away_are_a_fault_and_no_end() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = closed.local_addr().unwrap();
    drop(closed);
    let options = SubscriptionOptions::new("purchases", "purchase-group");
    let subscription =
        Subscription::start(&Connection::plaintext(address.to_string()), options).unwrap();
    fault_with(&subscription, "down").await;
    let failed = futures_util::FutureExt::now_or_never(subscription.failed());
    assert_eq!(failed, None);
    let stop = tokio::time::timeout(
        Duration::from_secs(5),
        subscription.stop(Duration::from_secs(1)),
    );
    stop.await.unwrap();
}

async fn fault_with(subscription: &Subscription, text: &str) {
    eventually("a fault", async || {
        let fault = subscription.state().fault?;
        fault.to_lowercase().contains(text).then_some(())
    })
    .await;
}
