//! The broker goes and comes back, then the store, while a hundred purchases a second are made on each road.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use e2e::{Road, Scene, Servers, Stack, load, topics};
use mongodb::bson::doc;
use serde_json::{Value, json};
use testkit::app::client;
use testkit::oracle::Oracle;
use tokio::time::{Instant, sleep, sleep_until};

const LOAD: Duration = Duration::from_secs(60);
const BUYS_PER_SECOND: u32 = 100;
const USERS: u64 = 20;
/// Beyond the deadline of ten seconds that buy gives its log.
const ANSWER_MAX_MS: u64 = 11_000;

/// One road with its clients.
struct Traffic {
    scene: Scene,
    stack: Stack,
    oracle: Arc<Oracle>,
    load: load::Load,
}

impl Traffic {
    async fn start(scene: Scene, road: Road) -> Self {
        let stack = Stack::start(&scene, road).await;
        let oracle = Arc::new(Oracle::default());
        let load = load::buy(&oracle, &stack.buy.url(), USERS, BUYS_PER_SECOND, LOAD);
        Self {
            scene,
            stack,
            oracle,
            load,
        }
    }

    fn told(&self) -> [u64; 3] {
        let told = &self.load.told;
        [&told.accepted, &told.not_recorded, &told.ambiguous]
            .map(|count| count.load(Ordering::Relaxed))
    }
}

/// What a client is told while the log is away: when, in which words, and how to go on.
async fn refusal_is_complete(url: &str) {
    let begun = Instant::now();
    let body = json!({"username": "Nobody", "userid": "nobody", "price": 1});
    let refused = client()
        .post(format!("{url}/buy"))
        .header("content-type", "application/json")
        .body(body.to_string())
        .send()
        .await
        .unwrap();
    assert!(begun.elapsed() < Duration::from_millis(ANSWER_MAX_MS));
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after"));
    let problem: Value = serde_json::from_str(&refused.text().await.unwrap()).unwrap();
    assert!(
        ["no", "unknown"].contains(&problem["recorded"].as_str().unwrap()),
        "{problem}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broker_and_store_go_and_come_back_and_nothing_is_lost_or_doubled_on_either_road() {
    let servers = Servers::own();
    let source = Scene::new(servers).await;
    let consumer = source.beside().await;
    let servers = source.servers.clone();
    let roads = [
        Traffic::start(source, Road::Source).await,
        Traffic::start(consumer, Road::Consumer).await,
    ];
    let begun = Instant::now();
    let at = |seconds| sleep_until(begun + Duration::from_secs(seconds));

    at(8).await;
    servers.run_async(&["down", "kafka"]).await;
    let [one, other] = roads.each_ref().map(|road| road.stack.buy.url());
    tokio::join!(refusal_is_complete(&one), refusal_is_complete(&other));
    servers.run_async(&["up", "kafka"]).await;
    let back = Instant::now();
    for road in &roads {
        let accepted = road.told()[0];
        while road.told()[0] == accepted {
            assert!(
                back.elapsed() < Duration::from_secs(2),
                "no purchase is accepted 2 s after the broker is back"
            );
            sleep(Duration::from_millis(10)).await;
        }
    }
    println!(
        "first purchases {} ms after the broker is back",
        back.elapsed().as_millis()
    );

    at(32).await;
    servers.run_async(&["down", "mongod"]).await;
    let gone = roads.each_ref().map(Traffic::told);
    at(47).await;
    let away = roads.each_ref().map(Traffic::told);
    for (gone, away) in gone.iter().zip(away) {
        assert_eq!(
            gone[1..],
            away[1..],
            "a purchase was refused while only the store was away"
        );
        let accepted = away[0] - gone[0];
        assert!(
            accepted > 10 * u64::from(BUYS_PER_SECOND),
            "{accepted} accepted without the store"
        );
    }
    servers.run_async(&["up", "mongod"]).await;

    for road in roads {
        let Traffic {
            scene,
            stack,
            oracle,
            load,
        } = road;
        let told = load.end().await;
        scene.drained().await;
        let lists = oracle.full_lists(&client(), &stack.query.url()).await;
        let verdict = oracle.judge(&lists);
        println!(
            "{verdict}; slowest answer {} ms",
            told.slowest_ms.load(Ordering::Relaxed)
        );
        assert!(verdict.is_kept(), "{verdict:#?}");
        assert!(
            verdict.accepted > 3_000,
            "too little load to show anything: {verdict}"
        );
        assert!(told.slowest_ms.load(Ordering::Relaxed) < ANSWER_MAX_MS);
        let refused =
            told.not_recorded.load(Ordering::Relaxed) + told.ambiguous.load(Ordering::Relaxed);
        assert!(refused > 0, "the broker's outage bit nobody");
        let letters = topics::read_all(&scene.servers.kafka, &scene.dead_letters);
        assert!(letters.is_empty(), "{} dead letters", letters.len());
        // The one that only tested the refusal may have come true; nothing else was made beside the oracle's.
        let documents = scene
            .documents()
            .await
            .count_documents(doc! {"userid": {"$ne": "nobody"}})
            .await
            .unwrap();
        assert_eq!(documents, u64::try_from(verdict.stored).unwrap());
        stack.stop().await;
    }
}
