//! mongod goes, stands still, or dies in the middle of an answer.

use std::sync::Arc;
use std::time::Duration;

use e2e::{Program, Road, Scene, Servers, Settled, Traffic, port_opens, topics};
use futures_util::future::join_all;
use reqwest::Response;
use testkit::app::client;
use testkit::eventually;
use tokio::time::{Instant, sleep};

use super::format::Format;
use super::{Case, purchases};
use crate::report::Report;

const BACK_MAX: Duration = Duration::from_secs(3);
/// Longer than a member of a group may be silent.
const AWAY: Duration = Duration::from_secs(65);
const LONG_AWAY: Duration = Duration::from_secs(180);
/// How often mongod is killed under load: what is lost in one kill is little.
const KILLS: usize = 4;

/// Answers of storer that promise nothing; batches that consumer has to try again.
pub(super) async fn refused(traffic: &Traffic) -> u64 {
    match traffic.road {
        Road::Source => {
            let storer = &traffic.stack.delivery[1];
            storer
                .metric_where("http_server_request_duration_seconds_count", "\"503\"")
                .await
        }
        Road::Consumer => traffic.stack.delivery[0]
            .said()
            .matches("purchases wait for the store")
            .count() as u64,
    }
}

/// Starts it again, and gives the moment at which its port was open.
async fn back(servers: &Arc<Servers>) -> Instant {
    let up = tokio::spawn({
        let servers = servers.clone();
        async move { servers.run_async(&["up", "mongod"]).await }
    });
    port_opens(servers.mongodb_address()).await;
    let opened = Instant::now();
    up.await.unwrap();
    opened
}

fn nothing_refused(report: Report, settled: &Settled) -> Report {
    let refused = settled.told.refused();
    report.expect(refused == 0, || {
        format!("{refused} purchases were not accepted while only the store was away")
    })
}

pub(crate) async fn killed(mut case: Case) -> Vec<Report> {
    let servers = case.servers;
    let mut traffics = Vec::new();
    for road in [Road::Source, Road::Consumer] {
        traffics.push(Traffic::start(Scene::on(servers.clone()).await, road).await);
    }
    let mut slowest = Duration::ZERO;
    for _ in 0..KILLS {
        // At any moment of a batch.
        sleep(Duration::from_millis(1_000 + case.random.below(1_000))).await;
        servers.run_async(&["kill", "mongod"]).await;
        sleep(Duration::from_millis(500 + case.random.below(1_500))).await;
        let opened = back(&servers).await;
        join_all(
            traffics
                .iter()
                .map(|traffic| traffic.stores_more(BACK_MAX * 3)),
        )
        .await;
        slowest = slowest.max(opened.elapsed());
    }
    servers.run_async(&["pause", "mongod"]).await;
    // Longer than any deadline of a call.
    sleep(Duration::from_secs(12)).await;
    servers.run_async(&["resume", "mongod"]).await;
    let resumed = Instant::now();
    join_all(
        traffics
            .iter()
            .map(|traffic| traffic.stores_more(BACK_MAX * 3)),
    )
    .await;
    slowest = slowest.max(resumed.elapsed());
    let mut reports = Vec::new();
    for traffic in traffics {
        let refused = refused(&traffic).await;
        let settled = traffic.settle().await;
        let report = nothing_refused(Report::new(10, ""), &settled);
        reports.push(
            report
                .settled(settled)
                .within(
                    "the first purchase stored after mongod was back",
                    slowest,
                    BACK_MAX,
                )
                .evidence("mongod killed", KILLS as u64)
                .evidence("refused by the store", refused),
        );
    }
    reports
}

pub(crate) async fn away(case: Case) -> Vec<Report> {
    away_for(case, AWAY, ["pause", "resume"]).await.0
}

/// The same for three minutes, in which no program may grow.
pub(crate) async fn long_away(case: Case) -> Vec<Report> {
    let (mut reports, memory) = away_for(case, LONG_AWAY, ["kill", "up"]).await;
    let mut report = Report::new(43, "memory").evidence("samples", memory[0].1.len() as u64);
    for (program, samples) in memory {
        let most = |samples: &[u64]| samples.iter().max().copied().unwrap_or(0);
        let (first, last) = (most(&samples[..60]), most(&samples[samples.len() - 60..]));
        report = report
            .expect(last * 10 <= first * 11, || {
                format!("{program} has {last} KiB in the last minute, and had {first} in the first")
            })
            .evidence(program, last * 100 / first);
    }
    reports.push(report);
    reports
}

/// What each program holds, second by second, in KiB.
type Memory = Vec<(&'static str, Vec<u64>)>;

async fn watch(time: Duration, traffics: [&Traffic; 2]) -> Memory {
    let [source, consumer] = traffics.map(|traffic| &traffic.stack);
    let programs = [
        ("% of buy", &source.buy),
        ("% of kafka-source", &source.delivery[0]),
        ("% of storer", &source.delivery[1]),
        ("% of consumer", &consumer.delivery[0]),
    ];
    let mut memory: Memory = programs.map(|(name, _)| (name, Vec::new())).into();
    let begun = Instant::now();
    for second in 1.. {
        sleep(Duration::from_secs(second).saturating_sub(begun.elapsed())).await;
        for ((_, samples), (_, program)) in memory.iter_mut().zip(programs) {
            samples.push(program.rss_kib());
        }
        if begun.elapsed() >= time {
            break;
        }
    }
    memory
}

/// The store is taken away by one command of `scripts/services.sh` and given back by another.
async fn away_for(
    case: Case,
    time: Duration,
    [take, give]: [&'static str; 2],
) -> (Vec<Report>, Memory) {
    let servers = case.servers;
    // A write takes longer than a member may be silent, and nothing is where dead letters go.
    let source = Traffic::start_with(
        Scene::on(servers.clone()).await,
        Road::Source,
        &[("DEAD_LETTER_SINK", "http://127.0.0.1:1/")],
    )
    .await;
    let consumer = Scene::on(servers.clone()).await;
    topics::delete(&servers.kafka, &consumer.dead_letters).await;
    let consumer = Traffic::start(consumer, Road::Consumer).await;
    sleep(Duration::from_secs(1)).await;
    let run = async |command: &'static str| {
        let servers = servers.clone();
        tokio::task::spawn_blocking(move || servers.run(&[command, "mongod"]))
            .await
            .unwrap();
    };
    run(take).await;
    let gone = Instant::now();
    let memory = watch(time, [&source, &consumer]).await;
    let paused = consumer.stack.delivery[0].metric("delivery_paused").await;
    let waits = consumer.stack.delivery[0]
        .metric("delivery_waits_for_store")
        .await;
    let refusals = refused(&source).await;
    run(give).await;
    let took = gone.elapsed();
    let mut reports = Vec::new();
    let lost = source.stack.delivery[0]
        .metric("kafka_source_events_lost_total")
        .await;
    let buried = source.stack.delivery[0]
        .metric("kafka_source_dead_letters_total")
        .await;
    for traffic in [source, consumer] {
        let road = traffic.road;
        if road == Road::Consumer {
            topics::create(
                &servers.kafka,
                &traffic.scene.dead_letters,
                1,
                2 * 1024 * 1024,
            )
            .await;
        }
        let settled = traffic.settle().await;
        let report = nothing_refused(Report::new(43, ""), &settled).settled(settled);
        reports.push(match road {
            Road::Source => report
                .expect(lost + buried == 0, || {
                    format!("{lost} events were lost, {buried} buried")
                })
                .evidence("refused by the store", refusals),
            Road::Consumer => report.evidence("batches waiting", waits),
        });
    }
    reports.push(
        Report::new(18, "consumer")
            .expect(took > Duration::from_secs(60), || {
                format!("{took:?} is no longer than a member may be silent")
            })
            .evidence("paused", paused)
            .evidence("seconds that a write waited", took.as_secs()),
    );
    (reports, memory)
}

pub(crate) async fn killed_in_a_list(case: Case) -> Vec<Report> {
    let servers = case.servers;
    let scene = Scene::on(servers.clone()).await;
    let documents = scene.documents().await;
    // It makes the indexes, without which a list is slow.
    let storer = scene.storer().await;
    eventually("the indexes", async || {
        let names = documents.list_index_names().await.ok()?;
        (names.len() == 3).then_some(())
    })
    .await;
    purchases::insert(&scene, "ada", purchases::MANY).await;
    let query = scene.query().await;
    let frontend = scene.frontend("http://127.0.0.1:1", &query.url()).await;
    let mut reports = Vec::new();
    for (name, program) in [("query", &query), ("frontend", &frontend)] {
        let mut whole = Vec::new();
        for format in Format::ALL {
            whole.push(rest_of(begin(program, format).await).await.unwrap());
        }
        let begun = join_all(Format::ALL.map(|format| begin(program, format))).await;
        servers.run_async(&["kill", "mongod"]).await;
        let ended = join_all(begun.into_iter().map(rest_of)).await;
        let mut report = Report::new(42, name);
        for ((format, whole), ended) in Format::ALL.into_iter().zip(&whole).zip(ended) {
            report = report
                .expect(ended.is_err(), || {
                    format!("{format:?}: a transfer of {ended:?} bytes ended well, and {whole} is the whole")
                })
                .expect(ended != Err(*whole), || {
                    format!("{format:?}: all {whole} bytes came before mongod was killed")
                })
                .evidence(format.media_type(), ended.err().unwrap_or_default() as u64);
        }
        reports.push(report);
        let _ = back(&servers).await;
        for (format, whole) in Format::ALL.into_iter().zip(whole) {
            eventually("the whole list", async || {
                (rest_of(begin(program, format).await).await == Ok(whole)).then_some(())
            })
            .await;
        }
    }
    for program in [frontend, query, storer] {
        program.stop().await;
    }
    reports
}

/// A list whose first bytes are there, and how many; nothing if it is refused.
async fn begin(program: &Program, format: Format) -> Option<(usize, Response)> {
    let list = client().get(format!("{}/getAllUserBuys/ada", program.url()));
    let list = list.header("Accept", format.media_type()).send().await;
    let mut answer = list.ok()?.error_for_status().ok()?;
    let first = answer.chunk().await.ok()??.len();
    Some((first, answer))
}

/// The list's length, or how much of it came.
async fn rest_of(begun: Option<(usize, Response)>) -> Result<usize, usize> {
    let (mut got, mut answer) = begun.ok_or(0_usize)?;
    while let Some(chunk) = answer.chunk().await.map_err(|_| got)? {
        got += chunk.len();
    }
    Ok(got)
}
