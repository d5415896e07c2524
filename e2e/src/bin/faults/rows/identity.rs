//! What makes a purchase the same one: its key, or its place in the log.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use e2e::{Delivery, Road, Scene, Servers, Stack, topics};
use futures_util::TryStreamExt as _;
use futures_util::future::join_all;
use mongodb::bson::{Document, doc};
use rdkafka::message::Message as _;
use testkit::app::client;
use testkit::eventually;
use testkit::oracle::{Intent, Oracle, Outcome, list};
use tokio::time::sleep;

use super::clients::judge;
use super::delivery::ROADS;
use super::{Case, Running, beside};
use crate::report::Report;

pub(crate) async fn same(case: Case) -> Vec<Report> {
    let mut rows: Vec<(u8, Running)> = Vec::new();
    for road in ROADS {
        rows.push((40, Box::pin(same_key(case.servers.clone(), road))));
    }
    rows.push((41, Box::pin(same_place(case.servers))));
    beside(rows).await
}

/// Row 40. One request with one key: later, after a restart, and many times at once.
async fn same_key(servers: Arc<Servers>, road: Road) -> Vec<Report> {
    const AT_ONCE: usize = 50;
    let scene = Scene::on(servers).await;
    let mut stack = Stack::start(&scene, road).await;
    let (client, oracle) = (client(), Oracle::default());
    let (url, gateway) = (stack.buy.url(), stack.frontend.url());
    let [first, crowd] = ["ada", "bob"].map(|user| Intent::new(user, true));
    let mut told = vec![oracle.buy(&client, &url, &first).await];
    // Two seconds are part of the claim: a later time must not make it another purchase.
    sleep(Duration::from_secs(2)).await;
    told.push(oracle.buy(&client, &gateway, &first).await);
    stack.buy.restart().await;
    for intent in [&first, &crowd] {
        let buys = (0..AT_ONCE).map(|n| {
            let url = if n % 2 == 0 { &url } else { &gateway };
            oracle.buy(&client, url, intent)
        });
        told.extend(join_all(buys).await);
    }
    let not_201: Vec<_> = told
        .iter()
        .filter(|outcome| !matches!(outcome, Outcome::Accepted(_)))
        .collect();
    let report_refused = format!("not each was answered with 201: {not_201:?}");
    let all_201 = not_201.is_empty();
    scene.drained().await;
    let refused = match road {
        Road::Source => {
            let metric = async |name| stack.delivery[0].metric(name).await;
            metric("kafka_source_events_lost_total").await
                + metric("kafka_source_dead_letters_total").await
        }
        Road::Consumer => topics::read_all(&scene.servers.kafka, &scene.dead_letters).len() as u64,
    };
    let report = judge(40, &scene, stack, road, &oracle).await;
    let documents = scene.count_documents().await;
    let positions = scene.positions().await;
    let records: i64 = positions.iter().map(|position| position.end).sum();
    vec![
        report
            .expect(all_201, || report_refused)
            .expect(documents == 2, || {
                format!("{documents} documents of 2 purchases")
            })
            .expect(refused == 0, || format!("{refused} were refused"))
            .evidence(
                "repetitions in the log",
                u64::try_from(records).unwrap() - 2,
            ),
    ]
}

/// Row 41. A raw record is read by both roads at once; then another one lies at the same place of another topic of that name.
async fn same_place(servers: Arc<Servers>) -> Vec<Report> {
    let scene = Scene::on(servers.clone()).await;
    let other_group = Scene {
        group: format!("{}-too", scene.group),
        ..scene.clone()
    };
    let roads = [
        Delivery::start(&scene, Road::Source).await,
        Delivery::start(&other_group, Road::Consumer).await,
    ];
    for road in &roads {
        eventually("a member of each group", async || {
            road.scene.members().await
        })
        .await;
    }
    let mut places = Vec::new();
    let mut counts = Vec::new();
    for topic in 0..2 {
        if topic > 0 {
            topics::delete(&servers.kafka, &scene.topic).await;
            topics::create(&servers.kafka, &scene.topic, 3, 128 * 1024).await;
        }
        kcat(
            &scene,
            r#"{"username":"Ada","userid":42,"item":"tea","price":0.1}"#,
        );
        for road in &roads {
            taken(road, topic + 1).await;
            road.scene.drained().await;
        }
        let records = topics::read_all(&servers.kafka, &scene.topic);
        places.extend(
            records
                .iter()
                .map(|record| (record.partition(), record.offset())),
        );
        counts.push(documents(&scene).await.len());
    }
    let query = scene.query().await;
    let listed = list(&client(), &query.url(), "42").await;
    query.stop().await;
    let found = documents(&scene).await;
    let mut deliveries = 0;
    for road in &roads {
        deliveries += road.taken().await;
    }
    let buried = roads.iter().map(|road| road.buried().len()).sum::<usize>();
    for road in roads {
        road.stop().await;
    }
    let all_42 = found
        .iter()
        .all(|document| document.get_str("userid").unwrap() == "42");
    let is_same_place = places.len() == 2 && places[0] == places[1];
    vec![
        Report::new(41, "both")
            .counted(2, 2, listed.len())
            .expect(counts == [1, 2], || {
                format!("documents after the first topic and after the second: {counts:?}")
            })
            .expect(all_42 && listed.len() == 2, || {
                format!("stored are {found:?}, listed {listed:?}")
            })
            .expect(buried == 0, || format!("{buried} dead letters"))
            .expect(is_same_place, || format!("they lie at {places:?}"))
            .evidence("records at one place", places.len() as u64)
            .evidence("deliveries", deliveries),
    ]
}

/// Waits until a road has delivered so many records.
async fn taken(road: &Delivery, records: u64) {
    eventually("a raw record to be delivered", async || {
        (road.taken().await >= records).then_some(())
    })
    .await;
}

async fn documents(scene: &Scene) -> Vec<Document> {
    let found = scene.documents().await.find(doc! {}).await.unwrap();
    found.try_collect().await.unwrap()
}

/// By hand, as somebody who knows nothing of us.
fn kcat(scene: &Scene, value: &str) {
    let mut kcat = Command::new("kcat");
    kcat.args([
        "-b",
        &scene.servers.kafka,
        "-t",
        &scene.topic,
        "-P",
        "-k",
        "42",
    ]);
    let mut kcat = kcat.stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = kcat.stdin.take().unwrap();
    stdin.write_all(value.as_bytes()).unwrap();
    drop(stdin);
    assert!(kcat.wait().unwrap().success());
}
