//! More clients than there is room for, clients that leave, and a function that is told to stop while many wait for it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use e2e::{Answered, Scene, buy_once};
use futures_util::future::join_all;
use rustix::process::Signal;
use serde_json::json;
use testkit::app::client;
use testkit::oracle::{Intent, Oracle, Outcome};
use testkit::{eventually, raw};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use super::Case;
use super::log::ANSWER_MAX;
use crate::report::Report;

/// An answer that waits for nothing, on a machine that does much else.
const AT_ONCE: Duration = Duration::from_secs(1);

/// Row 5. What buy lets wait for the log is its queue; over it, nobody waits.
pub(crate) async fn saturated(case: Case) -> Vec<Report> {
    let servers = case.servers;
    const QUEUE: usize = 8;
    const BUYERS: usize = 60;
    let scene = Scene::on(servers.clone()).await;
    let buy = scene
        .buy_with(&[("MAX_IN_FLIGHT", &QUEUE.to_string())])
        .await;
    let oracle = Oracle::default();
    let warm = Intent::new("early", true);
    eventually("a first purchase", async || {
        matches!(
            oracle.buy(&client(), &buy.url(), &warm).await,
            Outcome::Accepted(_)
        )
        .then_some(())
    })
    .await;
    servers.run_async(&["pause", "kafka"]).await;
    let told = join_all((0..BUYERS).map(|_| buy_once(buy.url()))).await;
    servers.run_async(&["resume", "kafka"]).await;
    let refused: Vec<_> = told
        .iter()
        .filter(|told| told.took < ANSWER_MAX / 2)
        .collect();
    let at_once = refused
        .iter()
        .all(|told| told.took < AT_ONCE && told.body["recorded"] == "no");
    let complete = told.iter().all(Answered::is_complete_refusal);
    let after = Intent::new("late", true);
    eventually("a purchase after it", async || {
        matches!(
            oracle.buy(&client(), &buy.url(), &after).await,
            Outcome::Accepted(_)
        )
        .then_some(())
    })
    .await;
    let consumer = scene.consumer().await;
    let lists = oracle.full_lists(&client(), &consumer.url()).await;
    buy.stop().await;
    consumer.stop().await;
    vec![
        Report::new(5, "consumer")
            .judged(oracle.judge(&lists))
            .expect(refused.len() == BUYERS - QUEUE, || {
                format!("{} of {BUYERS} were refused at once", refused.len())
            })
            .expect(at_once, || {
                "a refusal waited, or said something else than that nothing was recorded".to_owned()
            })
            .expect(complete, || "a refusal is not complete".to_owned())
            .evidence("refused at once", refused.len() as u64),
    ]
}

/// Row 7. The platform stops a function while its answers wait for a server.
pub(crate) async fn told_to_stop(case: Case) -> Vec<Report> {
    let servers = case.servers;
    const REQUESTS: usize = 200;
    let scene = Scene::on(servers.clone()).await;
    let (mut buy, mut storer) = (scene.buy("http://127.0.0.1:1").await, scene.storer().await);
    let oracle = Arc::new(Oracle::default());
    let warm = Intent::new("early", true);
    eventually("a first purchase", async || {
        matches!(
            oracle.buy(&client(), &buy.url(), &warm).await,
            Outcome::Accepted(_)
        )
        .then_some(())
    })
    .await;
    servers.run_async(&["pause", "kafka", "mongod"]).await;
    let buyers: Vec<_> = (0..REQUESTS)
        .map(|n| {
            let (oracle, url) = (oracle.clone(), buy.url());
            let intent = Intent::new(&format!("user-{}", n % 7), n % 2 == 0);
            tokio::spawn(async move { oracle.buy(&client(), &url, &intent).await })
        })
        .collect();
    let direct: Vec<_> = (0..REQUESTS)
        .map(|n| {
            let request = client()
                .post(format!("{}/purchases", storer.url()))
                .header("content-type", "application/json")
                .body(
                    json!({"username": "Direct", "userid": format!("direct-{n}"), "price": 1})
                        .to_string(),
                );
            tokio::spawn(async move { request.send().await.unwrap().status().as_u16() })
        })
        .collect();
    for program in [&buy, &storer] {
        eventually("requests in flight", async || {
            (program.metric("http_server_active_requests").await >= REQUESTS as u64).then_some(())
        })
        .await;
        program.signal(Signal::TERM);
    }
    let told = Instant::now();
    sleep(Duration::from_secs(1)).await;
    servers.run_async(&["resume", "kafka", "mongod"]).await;
    let outcomes = join_all(buyers).await;
    let accepted = outcomes
        .iter()
        .filter(|outcome| matches!(outcome, Ok(Outcome::Accepted(_))))
        .count();
    let stored = join_all(direct)
        .await
        .into_iter()
        .filter(|status| *status.as_ref().unwrap() == 201)
        .count();
    let ended = [buy.ended().await, storer.ended().await];
    let took = told.elapsed();
    let consumer = scene.consumer().await;
    let lists = oracle.full_lists(&client(), &consumer.url()).await;
    consumer.stop().await;
    vec![
        Report::new(7, "consumer")
            .judged(oracle.judge(&lists))
            .expect(accepted == REQUESTS, || {
                format!("{accepted} of {REQUESTS} purchases were accepted")
            })
            .expect(stored == REQUESTS, || {
                format!("{stored} of {REQUESTS} were stored by storer")
            })
            .expect(ended.iter().all(std::process::ExitStatus::success), || {
                format!("{ended:?}")
            })
            .within("the end of both", took, Duration::from_secs(20))
            .evidence("answered after SIGTERM", (accepted + stored) as u64),
    ]
}

/// Row 9. Clients that do not wait for the answer.
pub(crate) async fn deserted(case: Case) -> Vec<Report> {
    let servers = case.servers;
    let scene = Scene::on(servers.clone()).await;
    let consumer = scene.consumer().await;
    let buy = scene.buy(&consumer.url()).await;
    let oracle = Oracle::default();
    let warm = Intent::new("early", true);
    eventually("a first purchase", async || {
        matches!(
            oracle.buy(&client(), &buy.url(), &warm).await,
            Outcome::Accepted(_)
        )
        .then_some(())
    })
    .await;
    let files = buy.open_files();
    servers.run_async(&["pause", "kafka"]).await;
    let address: SocketAddr = buy.address();
    for hundred in 0..10 {
        let mut clients = Vec::new();
        for n in 0..100 {
            let intent = Intent::new(&format!("leaver-{n}"), n % 2 == 0);
            let body = json!({"username": "Leaver", "userid": intent.userid, "item": intent.item, "price": 1.5});
            let key = intent
                .key
                .as_ref()
                .map(|key| format!("Idempotency-Key: {key}"));
            let headers: Vec<_> = ["Content-Type: application/json"]
                .into_iter()
                .chain(key.as_deref())
                .collect();
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream
                .write_all(&raw::request("POST /buy", &headers, body.to_string()))
                .await
                .unwrap();
            oracle.told(&intent, Outcome::Ambiguous);
            clients.push(stream);
        }
        // Of odd hundreds they leave at once, perhaps before they are heard; the others while they wait.
        if hundred % 2 == 0 {
            eventually("requests in flight", async || {
                (buy.metric("http_server_active_requests").await > 50).then_some(())
            })
            .await;
        }
        drop(clients);
    }
    servers.run_async(&["resume", "kafka"]).await;
    eventually("the end of all requests", async || {
        let idle =
            buy.metric("http_server_active_requests").await == 0 && buy.open_files() <= files + 3;
        idle.then_some(())
    })
    .await;
    scene.drained().await;
    let lists = oracle.full_lists(&client(), &consumer.url()).await;
    let stored = lists.iter().flatten().count() as u64;
    for program in [buy, consumer] {
        program.stop().await;
    }
    vec![
        Report::new(9, "consumer")
            .judged(oracle.judge(&lists))
            .evidence("left, and stored", stored - 1),
    ]
}
