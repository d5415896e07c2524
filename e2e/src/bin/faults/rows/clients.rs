//! What clients meet: connections that break, functions that are killed or stopped under them, and a store with few connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use e2e::{Balancer, Road, Scene, Stack, Toxiproxy};
use futures_util::future::join_all;
use rustix::process::Signal;
use serde_json::json;
use testkit::app::client;
use testkit::eventually;
use testkit::oracle::{Intent, Oracle, Outcome};
use tokio::time::{Instant, sleep, timeout};

use super::Case;
use crate::report::{Report, name_of};

/// Tries of one client until its purchase is accepted.
const TRIES_MAX: usize = 200;

/// Buys until it is told 201, with the same key each time.
async fn insist(oracle: &Oracle, url: &str, intent: &Intent) {
    let client = client();
    for _ in 0..TRIES_MAX {
        if matches!(oracle.buy(&client, url, intent).await, Outcome::Accepted(_)) {
            return;
        }
        sleep(Duration::from_millis(50)).await;
    }
    panic!("{} is not accepted after {TRIES_MAX} tries", intent.item);
}

/// Waits until all is delivered, and asks the oracle.
pub(super) async fn judge(
    row: u8,
    scene: &Scene,
    stack: Stack,
    road: Road,
    oracle: &Oracle,
) -> Report {
    scene.drained().await;
    let lists = oracle.full_lists(&client(), &stack.query.url()).await;
    stack.stop().await;
    Report::new(row, name_of(road)).judged(oracle.judge(&lists))
}

/// Row 4. The request arrives, and its answer does not.
pub(crate) async fn reset(mut case: Case) -> Vec<Report> {
    const BUYERS: usize = 40;
    const ROUNDS: usize = 6;
    let scene = Scene::on(case.servers.clone()).await;
    let stack = Stack::start(&scene, Road::Consumer).await;
    let proxy = Toxiproxy::start().await;
    let way = proxy.forward("buy", &stack.buy.address().to_string()).await;
    let url = format!("http://{way}");
    let oracle = Oracle::default();
    for round in 0..ROUNDS {
        // In turns: the connection is reset some time after the request, or closed in the middle of the answer.
        let (kind, attributes) = if round % 2 == 0 {
            ("reset_peer", json!({"timeout": case.random.below(12)}))
        } else {
            ("limit_data", json!({"bytes": 1 + case.random.below(200)}))
        };
        proxy.poison("buy", "downstream", kind, &attributes).await;
        let intents: Vec<_> = (0..BUYERS)
            .map(|n| Intent::new(&format!("user-{n}"), n % 4 != 0))
            .collect();
        join_all(
            intents
                .iter()
                .map(|intent| async { oracle.buy(&client(), &url, intent).await }),
        )
        .await;
        // Those with a key repeat it over a bad line, and once more when it is good again.
        let keyed = || intents.iter().filter(|intent| intent.key.is_some());
        join_all(keyed().map(|intent| async { oracle.buy(&client(), &url, intent).await })).await;
        proxy.heal().await;
        join_all(keyed().map(|intent| insist(&oracle, &url, intent))).await;
    }
    let ambiguous = oracle.judge(&[]).ambiguous as u64;
    vec![
        judge(4, &scene, stack, Road::Consumer, &oracle)
            .await
            .evidence("broken answers", ambiguous),
    ]
}

/// Row 8. buy is killed again and again while clients repeat with their keys.
pub(crate) async fn killed(mut case: Case) -> Vec<Report> {
    const KILLS: u64 = 10;
    const BUYERS: usize = 24;
    let mut reports = Vec::new();
    for road in [Road::Source, Road::Consumer] {
        let scene = Scene::on(case.servers.clone()).await;
        let mut stack = Stack::start(&scene, road).await;
        let (oracle, over) = (
            Arc::new(Oracle::default()),
            Arc::new(AtomicBool::new(false)),
        );
        let buyers: Vec<_> = (0..BUYERS)
            .map(|n| {
                let (oracle, over, url) = (oracle.clone(), over.clone(), stack.buy.url());
                tokio::spawn(async move {
                    while !over.load(Ordering::Relaxed) {
                        insist(&oracle, &url, &Intent::new(&format!("user-{n}"), true)).await;
                    }
                })
            })
            .collect();
        for _ in 0..KILLS {
            sleep(Duration::from_millis(50 + case.random.below(250))).await;
            stack.buy.restart().await;
        }
        over.store(true, Ordering::Relaxed);
        for buyer in buyers {
            buyer.await.unwrap();
        }
        let ambiguous = oracle.judge(&[]).ambiguous as u64;
        let report = judge(8, &scene, stack, road, &oracle).await;
        reports.push(
            report
                .evidence("kills", KILLS)
                .evidence("broken answers", ambiguous),
        );
    }
    reports
}

/// Row 20. Two hundred deliveries at once share two connections, and many of them leave before the answer.
pub(crate) async fn few_connections(mut case: Case) -> Vec<Report> {
    const EVENTS: usize = 200;
    const ROUNDS: usize = 5;
    let mut scene = Scene::on(case.servers.clone()).await;
    scene.mongodb_uri.push_str("&maxPoolSize=2");
    let storer = scene.storer().await;
    let url = storer.url();
    let post = async |n: usize, patience: Option<Duration>| {
        let request = client()
            .post(&url)
            .header("content-type", "application/json")
            .header("ce-specversion", "1.0")
            .header("ce-id", format!("event {n}"))
            .header("ce-source", "/faults")
            .header("ce-type", "dev.userbuylist.purchase.recorded.v1")
            .header("ce-time", "2026-01-31T12:00:00.000Z")
            .body(
                json!({"username": "Ada", "userid": format!("user-{}", n % 9), "price": 1})
                    .to_string(),
            );
        match patience {
            None => Some(request.send().await.unwrap().status().as_u16()),
            Some(patience) => timeout(patience, request.send())
                .await
                .ok()
                .map(|answer| answer.unwrap().status().as_u16()),
        }
    };
    let (mut left, mut wrong) = (0_u64, Vec::new());
    for round in 0..ROUNDS {
        let patience: Vec<_> = (0..EVENTS)
            .map(|n| (n % 2 == 0).then(|| Duration::from_millis(case.random.below(30))))
            .collect();
        let answers = join_all(
            patience
                .iter()
                .enumerate()
                .map(|(n, patience)| post(round * EVENTS + n, *patience)),
        )
        .await;
        left += answers.iter().filter(|answer| answer.is_none()).count() as u64;
        wrong.extend(
            answers
                .into_iter()
                .flatten()
                .filter(|status| ![204, 503].contains(status)),
        );
    }
    // As the source would: again until it is taken.
    for n in 0..EVENTS * ROUNDS {
        eventually("a delivery", async || {
            (post(n, None).await == Some(204)).then_some(())
        })
        .await;
    }
    let documents = scene.documents().await;
    let stored = documents
        .count_documents(mongodb::bson::doc! {})
        .await
        .unwrap();
    let said = storer.said();
    let status = storer.stop().await;
    let expected = (EVENTS * ROUNDS) as u64;
    vec![
        Report::new(20, "source")
            .counted(
                EVENTS * ROUNDS,
                EVENTS * ROUNDS,
                usize::try_from(stored).unwrap(),
            )
            .expect(stored == expected, || {
                format!("{stored} documents of {expected} events")
            })
            .expect(wrong.is_empty(), || format!("answers {wrong:?}"))
            .expect(!said.contains("panicked"), || said.clone())
            .expect(status.success(), || format!("storer ended with {status}"))
            .evidence("left before the answer", left),
    ]
}

/// Row 44. A balancer goes on sending to a function for two seconds after it was told to stop.
pub(crate) async fn drained(case: Case) -> Vec<Report> {
    const DROPS_AFTER: Duration = Duration::from_secs(2);
    const BUYERS: usize = 16;
    let scene = Scene::on(case.servers.clone()).await;
    let consumer = scene.consumer().await;
    let with = [
        ("DRAIN_DELAY_MS", "5000"),
        ("CUSTOMER_MANAGEMENT_URL", "http://127.0.0.1:1"),
    ];
    let (stays, leaves) = (scene.buy_with(&with).await, scene.buy_with(&with).await);
    let service = Balancer::start(vec![stays.address(), leaves.address()]).await;
    let (oracle, over) = (
        Arc::new(Oracle::default()),
        Arc::new(AtomicBool::new(false)),
    );
    let failed = Arc::new(AtomicU64::new(0));
    let buyers: Vec<_> = (0..BUYERS)
        .map(|n| {
            let (oracle, over, failed) = (oracle.clone(), over.clone(), failed.clone());
            let url = service.url();
            tokio::spawn(async move {
                let client = client();
                while !over.load(Ordering::Relaxed) {
                    let intent = Intent::new(&format!("user-{n}"), false);
                    if !matches!(
                        oracle.buy(&client, &url, &intent).await,
                        Outcome::Accepted(_)
                    ) {
                        failed.fetch_add(1, Ordering::Relaxed);
                    }
                }
            })
        })
        .collect();
    sleep(Duration::from_secs(1)).await;
    let answered = async || {
        leaves
            .metric("http_server_request_duration_seconds_count")
            .await
    };
    let before = answered().await;
    leaves.signal(Signal::TERM);
    let told = Instant::now();
    sleep(DROPS_AFTER).await;
    let after = answered().await;
    service.remove(leaves.address());
    let mut leaves = leaves;
    let status = leaves.ended().await;
    let took = told.elapsed();
    sleep(Duration::from_millis(500)).await;
    over.store(true, Ordering::Relaxed);
    for buyer in buyers {
        buyer.await.unwrap();
    }
    scene.drained().await;
    let lists = oracle.full_lists(&client(), &consumer.url()).await;
    for program in [stays, consumer] {
        program.stop().await;
    }
    let failed = failed.load(Ordering::Relaxed);
    vec![
        Report::new(44, "consumer")
            .judged(oracle.judge(&lists))
            .expect(failed == 0, || format!("{failed} purchases failed"))
            .expect(status.success(), || format!("buy ended with {status}"))
            .within("the end", took, Duration::from_secs(15))
            .evidence("answered after SIGTERM", after - before),
    ]
}
