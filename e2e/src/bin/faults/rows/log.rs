//! The broker goes, stands still, refuses, or is not there.

use std::sync::Arc;
use std::time::Duration;

use e2e::{Answered, Program, Road, Scene, Servers, Toxiproxy, Traffic, buy_once, port_opens};
use futures_util::future::join_all;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey as Api, RDKafkaRespErr as Code};
use serde_json::json;
use testkit::app::client;
use testkit::eventually;
use testkit::oracle::{Intent, Oracle};
use tokio::time::{Instant, sleep};

use super::Case;
use crate::report::Report;

/// Beyond the ten seconds that buy gives its log.
pub(super) const ANSWER_MAX: Duration = Duration::from_secs(11);
const BACK_MAX: Duration = Duration::from_secs(2);
/// Of a broker that stands still: long enough for as many requests to wait as may.
const SILENCE: Duration = Duration::from_secs(15);
/// An answer that waits for nothing, on a machine that does much else.
const AT_ONCE: Duration = Duration::from_secs(1);
pub(super) const ROADS: [Road; 2] = [Road::Source, Road::Consumer];

async fn both(servers: &Arc<Servers>) -> Vec<Traffic> {
    let mut traffics = Vec::new();
    for road in ROADS {
        traffics.push(Traffic::start(Scene::on(servers.clone()).await, road).await);
    }
    traffics
}

/// How often the broker is killed at most, until purchases are accepted soon enough after it.
const OUTAGES_MAX: usize = 3;

/// The broker was killed under load, and is back.
struct Outage {
    /// What one client of each road was told meanwhile.
    refused: Vec<Answered>,
    opened: Instant,
    /// From then to the first purchase of each road.
    backs: Vec<Duration>,
}

impl Outage {
    async fn of(servers: &Arc<Servers>, traffics: &[Traffic]) -> Self {
        servers.run_async(&["kill", "kafka"]).await;
        let away = Instant::now();
        let asked = traffics
            .iter()
            .map(|traffic| buy_once(traffic.stack.buy.url()));
        let refused = join_all(asked).await;
        sleep(Duration::from_secs(5).saturating_sub(away.elapsed())).await;
        let up = tokio::spawn({
            let servers = servers.clone();
            async move { servers.run_async(&["up", "kafka"]).await }
        });
        port_opens(&servers.kafka).await;
        let opened = Instant::now();
        let accepted = traffics
            .iter()
            .map(|traffic| traffic.accepts_more(BACK_MAX * 5));
        let backs = join_all(accepted).await;
        up.await.unwrap();
        Self {
            refused,
            opened,
            backs,
        }
    }
}

pub(crate) async fn killed(case: Case) -> Vec<Report> {
    let servers = case.servers;
    let traffics = both(&servers).await;
    // A consumer that has nothing to do: what comes after the outage has to reach it all the same.
    let idle_scene = Scene::on(servers.clone()).await;
    let idle = idle_scene.consumer().await;
    let idle_buy = idle_scene.buy(&idle.url()).await;
    sleep(Duration::from_secs(2)).await;

    let mut outage = Outage::of(&servers, &traffics).await;
    // Other work on the machine may spoil one.
    for _ in 1..OUTAGES_MAX {
        if outage.backs.iter().all(|back| *back <= BACK_MAX) {
            break;
        }
        outage = Outage::of(&servers, &traffics).await;
    }
    let Outage {
        refused,
        opened,
        backs,
    } = outage;

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
    // Filled with waiting requests once, and then again: what buy needs for that, it may keep, and no more.
    let (before, _) = stand_still(&servers, &traffics, SILENCE).await;
    let (after, refused) = stand_still(&servers, &traffics, SILENCE).await;

    // Only the second road's way is swallowed by it.
    let refused_before = traffics[1].load.told.refused();
    for stream in ["upstream", "downstream"] {
        proxy
            .poison("kafka", stream, "timeout", &json!({"timeout": 0}))
            .await;
    }
    sleep(SILENCE).await;
    let in_the_hole = Held::by(&traffics[1]);
    let swallowed = traffics[1].load.told.refused() - refused_before;
    proxy.heal().await;
    let back = traffics[1].accepts_more(ANSWER_MAX).await;
    sleep(Duration::from_secs(2)).await;

    let mut reports = Vec::new();
    let held = before.into_iter().zip(after);
    for ((traffic, refused), (before, after)) in traffics.into_iter().zip(refused).zip(held) {
        let road = traffic.road;
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
            .expect(after.is_no_more_than(&before), || {
                format!("buy has {after:?}, and had {before:?}")
            })
            .evidence("refused", bitten);
        if road == Road::Consumer {
            report = report
                .expect(in_the_hole.is_no_more_than(&before), || {
                    format!("buy has {in_the_hole:?}, and had {before:?}")
                })
                .within("to be back", back, ANSWER_MAX)
                .evidence("in the black hole", swallowed);
        }
        reports.push(report);
    }
    reports
}

/// What a buy holds while its requests wait.
#[derive(Debug)]
struct Held {
    rss_kib: u64,
    open_files: usize,
}

impl Held {
    fn by(traffic: &Traffic) -> Self {
        let buy = &traffic.stack.buy;
        Self {
            rss_kib: buy.rss_kib(),
            open_files: buy.open_files(),
        }
    }

    /// But for what differs between two moments of the same load.
    fn is_no_more_than(&self, before: &Self) -> bool {
        self.rss_kib * 5 <= before.rss_kib * 6 && self.open_files * 4 <= before.open_files * 5
    }
}

/// What the buys hold at the end of a time in which the broker stood still, and what one more client was told.
async fn stand_still(
    servers: &Arc<Servers>,
    traffics: &[Traffic],
    time: Duration,
) -> (Vec<Held>, Vec<Answered>) {
    servers.run_async(&["pause", "kafka"]).await;
    let begun = Instant::now();
    let refused = join_all(
        traffics
            .iter()
            .map(|traffic| buy_once(traffic.stack.buy.url())),
    )
    .await;
    sleep(time.saturating_sub(begun.elapsed())).await;
    let held = traffics.iter().map(Held::by).collect();
    servers.run_async(&["resume", "kafka"]).await;
    join_all(
        traffics
            .iter()
            .map(|traffic| traffic.accepts_more(ANSWER_MAX)),
    )
    .await;
    (held, refused)
}

pub(crate) async fn absent(case: Case) -> Vec<Report> {
    let servers = case.servers;
    // Topics and databases are made while the servers are there.
    let scenes = [
        Scene::on(servers.clone()).await,
        Scene::on(servers.clone()).await,
    ];
    servers.run_async(&["kill", "kafka", "mongod"]).await;
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
