//! The broker goes, stands still, refuses, or is not there.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use e2e::{Answered, Program, Road, Scene, Servers, Toxiproxy, Traffic, buy_once};
use futures_util::future::join_all;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey as Api, RDKafkaRespErr as Code};
use rustix::process::Signal;
use serde_json::json;
use testkit::app::client;
use testkit::oracle::{Intent, Oracle, Outcome};
use testkit::{eventually, raw};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use super::Case;
use crate::report::Report;

/// Beyond the ten seconds that buy gives its log.
const ANSWER_MAX: Duration = Duration::from_secs(11);
const BACK_MAX: Duration = Duration::from_secs(2);
/// An answer that waits for nothing, on a machine that does much else.
const AT_ONCE: Duration = Duration::from_secs(1);
const ROADS: [Road; 2] = [Road::Source, Road::Consumer];

async fn both(servers: &Arc<Servers>) -> Vec<Traffic> {
    let mut traffics = Vec::new();
    for road in ROADS {
        traffics.push(Traffic::start(Scene::on(servers.clone()).await, road).await);
    }
    traffics
}

/// Waits until somebody listens.
async fn port_opens(address: &str) {
    eventually("the port of a server", async || {
        TcpStream::connect(address).await.ok()
    })
    .await;
}

pub(crate) async fn killed(case: Case) -> Vec<Report> {
    let servers = case.servers;
    let traffics = both(&servers).await;
    // A consumer that has nothing to do: what comes after the outage has to reach it all the same.
    let idle_scene = Scene::on(servers.clone()).await;
    let idle = idle_scene.consumer().await;
    let idle_buy = idle_scene.buy(&idle.url()).await;
    sleep(Duration::from_secs(2)).await;

    servers.run_async(&["kill", "kafka"]).await;
    let away = Instant::now();
    let refused = join_all(
        traffics
            .iter()
            .map(|traffic| buy_once(traffic.stack.buy.url())),
    )
    .await;
    sleep(Duration::from_secs(5).saturating_sub(away.elapsed())).await;
    let up = tokio::spawn({
        let servers = servers.clone();
        async move { servers.run_async(&["up", "kafka"]).await }
    });
    port_opens(&servers.kafka).await;
    let opened = Instant::now();
    let backs = join_all(
        traffics
            .iter()
            .map(|traffic| traffic.accepts_more(BACK_MAX * 3)),
    )
    .await;
    up.await.unwrap();

    let oracle = Oracle::default();
    oracle
        .buy(&client(), &idle_buy.url(), &Intent::new("idle", true))
        .await;
    let lists = oracle.full_lists(&client(), &idle.url()).await;
    let idle_took = opened.elapsed();
    let faults = u64::from(idle.said().contains("ERROR")) + u64::from(idle.said().contains("WARN"));
    let idle_report = Report::new(19, "consumer")
        .judged(oracle.judge(&lists))
        .within(
            "the first event of an idle consumer",
            idle_took,
            Duration::from_secs(30),
        )
        .evidence("warnings of the outage", faults)
        .evidence("stored after it", lists.iter().flatten().count() as u64);
    idle.stop().await;
    idle_buy.stop().await;

    sleep(Duration::from_secs(2)).await;
    let mut reports = Vec::new();
    for ((traffic, refused), back) in traffics.into_iter().zip(refused).zip(backs) {
        let settled = traffic.settle().await;
        let (bitten, slowest) = (settled.told.refused(), settled.told.slowest());
        reports.push(
            Report::of(1, settled)
                .expect(refused.is_complete_refusal(), || {
                    format!("{}: {}", refused.status, refused.body)
                })
                .within(
                    "an answer without a broker",
                    refused.took.max(slowest),
                    ANSWER_MAX,
                )
                .within("the first purchase after the port opened", back, BACK_MAX)
                .evidence("refused", bitten)
                .evidence(
                    "first accepted ms after the port",
                    u64::try_from(back.as_millis()).unwrap(),
                ),
        );
    }
    reports.push(idle_report);
    reports
}

pub(crate) async fn silent(case: Case) -> Vec<Report> {
    let servers = case.servers;
    let proxy = Toxiproxy::start().await;
    let way = proxy.forward_kafka(&servers).await;
    let mut scenes = [
        Scene::on(servers.clone()).await,
        Scene::on(servers.clone()).await,
    ];
    scenes[1].brokers = way;
    let mut traffics = Vec::new();
    for (scene, road) in scenes.into_iter().zip(ROADS) {
        traffics.push(Traffic::start(scene, road).await);
    }
    // What a buy takes when it is full of waiting requests, it keeps: so it is filled once before it is measured.
    servers.run_async(&["pause", "kafka"]).await;
    sleep(Duration::from_secs(5)).await;
    servers.run_async(&["resume", "kafka"]).await;
    join_all(
        traffics
            .iter()
            .map(|traffic| traffic.accepts_more(ANSWER_MAX)),
    )
    .await;
    let state = |traffic: &Traffic| (traffic.stack.buy.rss_kib(), traffic.stack.buy.open_files());
    let before: Vec<_> = traffics.iter().map(state).collect();

    servers.run_async(&["pause", "kafka"]).await;
    let stood_still = Instant::now();
    let refused = join_all(
        traffics
            .iter()
            .map(|traffic| buy_once(traffic.stack.buy.url())),
    )
    .await;
    sleep(Duration::from_secs(15).saturating_sub(stood_still.elapsed())).await;
    servers.run_async(&["resume", "kafka"]).await;
    join_all(
        traffics
            .iter()
            .map(|traffic| traffic.accepts_more(ANSWER_MAX)),
    )
    .await;

    // Only the second road's way is swallowed by it.
    let refused_before = traffics[1].load.told.refused();
    for stream in ["upstream", "downstream"] {
        proxy
            .poison("kafka", stream, "timeout", &json!({"timeout": 0}))
            .await;
    }
    sleep(Duration::from_secs(12)).await;
    let swallowed = traffics[1].load.told.refused() - refused_before;
    proxy.heal().await;
    let back = traffics[1].accepts_more(ANSWER_MAX).await;
    sleep(Duration::from_secs(2)).await;

    let mut reports = Vec::new();
    for ((traffic, refused), (rss, files)) in traffics.into_iter().zip(refused).zip(before) {
        let (road, (rss_after, files_after)) = (traffic.road, state(&traffic));
        let settled = traffic.settle().await;
        let (bitten, slowest) = (settled.told.refused(), settled.told.slowest());
        let mut report = Report::of(2, settled)
            .expect(refused.is_complete_refusal(), || {
                format!("{}: {}", refused.status, refused.body)
            })
            .within(
                "an answer of a silent broker",
                refused.took.max(slowest),
                ANSWER_MAX,
            )
            .expect(rss_after <= rss + rss / 5 + 2_048, || {
                format!("buy has {rss_after} KiB, and had {rss}")
            })
            // Clients of the load come and go.
            .expect(files_after <= files + 120, || {
                format!("buy has {files_after} files open, and had {files}")
            })
            .evidence("refused", bitten);
        if road == Road::Consumer {
            report = report.evidence("in the black hole", swallowed).within(
                "to be back",
                back,
                ANSWER_MAX,
            );
        }
        reports.push(report);
    }
    reports
}

pub(crate) async fn absent(case: Case) -> Vec<Report> {
    let servers = case.servers;
    // Topics and databases are made while the servers are there.
    let scenes = [
        Scene::on(servers.clone()).await,
        Scene::on(servers.clone()).await,
    ];
    servers.run_async(&["down"]).await;
    let mut started = Vec::new();
    for (scene, road) in scenes.into_iter().zip(ROADS) {
        let stack = e2e::Stack::start(&scene, road).await;
        started.push((scene, road, stack));
    }
    let mut alive = 0;
    let mut not_ready = 0;
    for (_, _, stack) in &started {
        for program in stack.programs() {
            let status = async |path| {
                client()
                    .get(format!("{}{path}", program.url()))
                    .send()
                    .await
                    .unwrap()
                    .status()
            };
            alive += u64::from(status("/health").await == 200);
            not_ready += u64::from(status("/ready").await == 503);
        }
    }
    let refused = join_all(
        started
            .iter()
            .map(|(_, _, stack)| buy_once(stack.buy.url())),
    )
    .await;
    servers.run_async(&["up"]).await;
    let programs: u64 = started
        .iter()
        .map(|(_, _, stack)| stack.programs().count() as u64)
        .sum();
    let mut reports = Vec::new();
    for ((scene, road, stack), refused) in started.into_iter().zip(refused) {
        let back = Instant::now();
        let traffic = Traffic::through(scene, road, stack).await;
        let back = back.elapsed();
        sleep(Duration::from_secs(1)).await;
        let settled = traffic.settle().await;
        reports.push(
            Report::of(3, settled)
                .expect(refused.is_complete_refusal(), || {
                    format!("{}: {}", refused.status, refused.body)
                })
                .within("an answer without servers", refused.took, ANSWER_MAX)
                .within(
                    "the first purchase once they were there",
                    back,
                    BACK_MAX * 2,
                )
                .expect(alive == programs, || {
                    format!("{alive} of {programs} programs are alive")
                })
                .evidence("not ready", not_ready),
        );
    }
    reports
}

pub(crate) async fn crowded(case: Case) -> Vec<Report> {
    vec![
        saturated(&case.servers).await,
        told_to_stop(&case.servers).await,
        deserted(&case.servers).await,
    ]
}

/// Row 5. What buy lets wait for the log is its queue; over it, nobody waits.
async fn saturated(servers: &Arc<Servers>) -> Report {
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
    Report::new(5, "consumer")
        .judged(oracle.judge(&lists))
        .expect(refused.len() == BUYERS - QUEUE, || {
            format!("{} of {BUYERS} were refused at once", refused.len())
        })
        .expect(at_once, || {
            "a refusal waited, or said something else than that nothing was recorded".to_owned()
        })
        .expect(complete, || "a refusal is not complete".to_owned())
        .evidence("refused at once", refused.len() as u64)
}

/// Row 7. The platform stops a function while its answers wait for a server.
async fn told_to_stop(servers: &Arc<Servers>) -> Report {
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
    servers.run_async(&["pause"]).await;
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
            // The one that asks is one of them.
            (program.metric("http_server_active_requests").await > REQUESTS as u64).then_some(())
        })
        .await;
        program.signal(Signal::TERM);
    }
    let told = Instant::now();
    sleep(Duration::from_secs(1)).await;
    servers.run_async(&["resume"]).await;
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
        .evidence("answered after SIGTERM", (accepted + stored) as u64)
}

/// Row 9. Clients that do not wait for the answer.
async fn deserted(servers: &Arc<Servers>) -> Report {
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
            buy.metric("http_server_active_requests").await == 1 && buy.open_files() <= files + 3;
        idle.then_some(())
    })
    .await;
    scene.drained().await;
    let lists = oracle.full_lists(&client(), &consumer.url()).await;
    let stored = lists.iter().flatten().count() as u64;
    for program in [buy, consumer] {
        program.stop().await;
    }
    Report::new(9, "consumer")
        .judged(oracle.judge(&lists))
        .evidence("left, and stored", stored - 1)
}

/// What a broker may answer, and what buy makes of it.
#[derive(Debug, Clone, Copy)]
enum Made {
    /// It passes, so the purchase is accepted in the end.
    Accepted,
    /// It stays, so the client is told soon.
    Refused,
}

pub(crate) async fn refusing(_: Case) -> Vec<Report> {
    const TOPIC: &str = "purchases";
    let cluster: MockCluster<'static, DefaultProducerContext> = MockCluster::new(3).unwrap();
    cluster.create_topic(TOPIC, 3, 3).unwrap();
    let brokers = cluster.bootstrap_servers();
    let buy = Program::start(
        "buy",
        vec![
            ("KAFKA_BROKER", brokers),
            ("PURCHASE_TOPIC", TOPIC.to_owned()),
        ],
    )
    .await;
    eventually("a first purchase", async || {
        (buy_once(buy.url()).await.status == 201).then_some(())
    })
    .await;

    let mut report = Report::new(6, "-");
    let (mut passed, mut refused) = (0, 0);
    for (code, times, made) in [
        (
            Code::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
            2,
            Made::Accepted,
        ),
        (
            Code::RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE,
            2,
            Made::Accepted,
        ),
        (
            Code::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
            3,
            Made::Accepted,
        ),
        (
            Code::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND,
            3,
            Made::Accepted,
        ),
        (Code::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, 2, Made::Accepted),
        (Code::RD_KAFKA_RESP_ERR__TRANSPORT, 2, Made::Accepted),
        (
            Code::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
            1,
            Made::Refused,
        ),
        (Code::RD_KAFKA_RESP_ERR_POLICY_VIOLATION, 1, Made::Refused),
    ] {
        cluster.request_errors(Api::Produce, &vec![code; times]);
        let told = buy_once(buy.url()).await;
        let as_expected = match made {
            Made::Accepted => told.status == 201,
            Made::Refused => told.is_complete_refusal() && told.took < AT_ONCE,
        };
        report = report.expect(as_expected, || {
            format!(
                "{code:?}: {} after {:?}: {}",
                told.status, told.took, told.body
            )
        });
        match made {
            Made::Accepted => passed += 1,
            Made::Refused => refused += 1,
        }
        cluster.clear_request_errors(Api::Produce);
    }
    // Not one of them left it broken.
    cluster
        .topic_error(TOPIC, Code::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
        .unwrap();
    cluster.request_errors(
        Api::Produce,
        &[Code::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART; 100],
    );
    let told = buy_once(buy.url()).await;
    report = report
        .expect(told.is_complete_refusal(), || {
            format!("no topic: {}: {}", told.status, told.body)
        })
        .within("an answer without a topic", told.took, ANSWER_MAX);
    cluster
        .topic_error(TOPIC, Code::RD_KAFKA_RESP_ERR_NO_ERROR)
        .unwrap();
    cluster.clear_request_errors(Api::Produce);
    let begun = Instant::now();
    eventually("a purchase after it", async || {
        (buy_once(buy.url()).await.status == 201).then_some(())
    })
    .await;
    let status = buy.stop().await;
    vec![
        report
            .within("to be back", begun.elapsed(), ANSWER_MAX)
            .expect(status.success(), || format!("buy ended with {status}"))
            .evidence("errors that passed", passed)
            .evidence("refusals", refused + 1),
    ]
}
