//! Three brokers, of which two must have an event: one is killed, then another.

use std::sync::Arc;
use std::time::Duration;

use e2e::{Scene, Servers, Traffic, buy_once};
use tokio::time::sleep;

use super::Case;
use super::log::{ANSWER_MAX, ROADS};
use crate::report::Report;

/// Until the brokers have agreed on who leads what.
const LEADERS_MAX: Duration = Duration::from_secs(30);

pub(crate) async fn brokers_killed(_: Case) -> Vec<Report> {
    let servers = tokio::task::spawn_blocking(|| Servers::own_with(&[("KAFKA_BROKERS", "3")]))
        .await
        .unwrap();
    let servers = Arc::new(servers);
    let mut reports = Vec::new();
    for (road, victims) in ROADS
        .into_iter()
        .zip([["kafka-1", "kafka-3"], ["kafka-2", "kafka-1"]])
    {
        let traffic = Traffic::start(Scene::on(servers.clone()).await, road).await;
        sleep(Duration::from_secs(2)).await;
        signal(&servers, "kill", victims[0]).await;
        traffic.accepts_more(LEADERS_MAX).await;
        let before = traffic.load.told.accepted();
        sleep(Duration::from_secs(10)).await;
        let with_two = traffic.load.told.accepted() - before;

        signal(&servers, "kill", victims[1]).await;
        // What the last one had acknowledged together with the other is still on its way to its client.
        sleep(Duration::from_secs(2)).await;
        let (before, refused) = (traffic.load.told.accepted(), traffic.load.told.refused());
        let alone = buy_once(traffic.stack.buy.url()).await;
        sleep(Duration::from_secs(5)).await;
        let with_one = traffic.load.told.accepted() - before;
        let refused = traffic.load.told.refused() - refused;

        servers.run_async(&["up", "kafka"]).await;
        let back = traffic.accepts_more(LEADERS_MAX).await;
        sleep(Duration::from_secs(3)).await;
        reports.push(
            Report::of(35, traffic.settle().await)
                .expect(with_one == 0, || {
                    format!("{with_one} purchases were accepted by one broker alone")
                })
                .expect(alone.is_complete_refusal(), || {
                    format!("{}: {}", alone.status, alone.body)
                })
                .within("an answer of one broker alone", alone.took, ANSWER_MAX)
                .within("to be back", back, LEADERS_MAX)
                .evidence("accepted by two", with_two)
                .evidence("refused by one", refused),
        );
    }
    reports
}

async fn signal(servers: &Arc<Servers>, command: &'static str, broker: &'static str) {
    let servers = servers.clone();
    tokio::task::spawn_blocking(move || servers.run(&[command, broker]))
        .await
        .unwrap();
}
