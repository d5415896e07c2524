//! buy as a function of AWS Lambda, beside itself as a server: with a real broker, and a host that speaks the Runtime API.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

mod exchange;
mod runtime_api;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request as Asked;
use axum::routing::get;
use futures_util::{StreamExt as _, stream};
use kafka_log::record::Record;
use kafka_log::{Connection, TopicReader};
use rustix::process::Signal;
use serde_json::json;
use testkit::app::TestApp;
use testkit::process::Process;
use testkit::{sample, services};

use crate::exchange::{Answer, Request};
use crate::runtime_api::{RuntimeApi, Said};

const TOPIC: &str = "purchases";
const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

/// The program that a deployment has.
fn buy() -> PathBuf {
    env!("CARGO_BIN_EXE_buy").into()
}

/// The same with a clock that stands still.
fn stopped_clock() -> PathBuf {
    buy().with_file_name("examples").join("stopped_clock")
}

fn start(program: &Path, variables: &[(&str, String)]) -> Process {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("CORS_ORIGINS", "https://shop.example")
        .envs(variables.iter().map(|(name, value)| (name, value)));
    Process::start(&mut command)
}

/// buy under a host of its own.
struct Lambda {
    api: RuntimeApi,
    process: Process,
}

impl Lambda {
    async fn start(program: &Path, broker: String, lists: &str) -> Self {
        let api = RuntimeApi::start().await;
        let mut variables = api.variables();
        variables.push(("KAFKA_BROKER", broker));
        variables.push(("CUSTOMER_MANAGEMENT_URL", lists.to_owned()));
        let process = start(program, &variables);
        Self { api, process }
    }

    async fn ask(&self, request: &Request) -> Answer {
        match self.api.invoke(request.event()).await {
            Said::Response(said) => Answer::of_event(&said),
            Said::Error(error) => panic!("{request:?}: {error}\n{}", self.process.said()),
        }
    }
}

/// The same as a server.
async fn server(broker: String, lists: &str) -> (Process, SocketAddr) {
    let variables = [
        ("KAFKA_BROKER", broker),
        ("CUSTOMER_MANAGEMENT_URL", lists.to_owned()),
        ("HOST", "127.0.0.1".to_owned()),
        ("PORT", "0".to_owned()),
    ];
    let process = start(&stopped_clock(), &variables);
    let line = process.line_with("listening").await;
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    let address = find(&line, "address").unwrap().parse().unwrap();
    (process, address)
}

/// The text of that name, wherever it is in a log line.
fn find<'a>(line: &'a serde_json::Value, name: &str) -> Option<&'a str> {
    let members = line.as_object()?;
    let here = members.get(name).and_then(serde_json::Value::as_str);
    here.or_else(|| members.values().find_map(|member| find(member, name)))
}

/// Whoever keeps the lists, who says what it was asked, and breaks off when asked to.
async fn lists() -> TestApp {
    let echo = get(async |request: Asked| {
        let target = request.uri().path_and_query().unwrap().to_string();
        if target.contains("long") {
            return varying("x".repeat(5 << 20).into());
        }
        if target.contains("break") {
            let begun = stream::iter([Ok(Bytes::from("[1,"))]);
            let broken = stream::once(async {
                // So that the beginning is sent.
                tokio::task::yield_now().await;
                Err(std::io::Error::other("broken"))
            });
            return varying(Body::from_stream(begun.chain(broken)));
        }
        varying(json!([target]).to_string().into())
    });
    TestApp::start(Router::new().route("/purchases/{*userid}", echo)).await
}

fn varying(body: Body) -> ([(&'static str, &'static str); 1], Body) {
    ([("vary", "accept")], body)
}

fn purchase(userid: &str, item: &str) -> String {
    json!({"username": "Ada", "userid": userid, "item": item, "price": 12.5}).to_string()
}

/// Without a valid one among them.
fn refused() -> Vec<Request> {
    vec![
        Request::buy(JSON, "{}"),
        Request::buy(JSON, "{\"username\": \"Ada\",\n  oops}"),
        Request::buy(JSON, ""),
        Request::buy(JSON, purchase("a", &"x".repeat(70_000))),
        Request::buy(FORM, purchase("a", "tea")),
        Request::buy("text/plain", purchase("a", "tea")),
        Request::buy("application/octet-stream", [0, 159, 146, 150]),
        Request::buy(JSON, purchase("a", "tea")).with("Idempotency-Key", &"k".repeat(300)),
    ]
}

#[tokio::test]
async fn an_event_is_answered_as_a_request_is() {
    let broker = services::kafka();
    let lists = lists().await;
    let lambda = Lambda::start(&stopped_clock(), broker.clone(), &lists.url).await;
    let (_server, address) = server(broker, &lists.url).await;
    let userid = sample::fresh_user();
    let origin = |request: Request| request.with("Origin", "https://shop.example");
    let mut requests = vec![
        Request::buy(JSON, purchase(&userid, "tea")),
        Request::buy(JSON, purchase(&userid, "日本 🍵")).with("Idempotency-Key", "order-1"),
        Request::buy("Application/JSON; charset=utf-8", purchase(&userid, "tea"))
            .with("Idempotency-Key", "order-2"),
        Request::buy(
            FORM,
            format!("username=Ada&userid={userid}&item=a+%26+b&price=1e2"),
        )
        .with("Idempotency-Key", "order-3"),
        origin(Request::buy(JSON, purchase(&userid, "cake"))).with("Idempotency-Key", "order-4"),
    ];
    let bought = requests.len();
    requests.extend(refused());
    requests.extend(
        [
            "/",
            "/buy",
            "/health",
            "/ready",
            "/openapi.json",
            "/getAllUserBuys/ada",
            "/getAllUserBuys/a%2Fb/../%2e?limit=1&cursor=a~b%20c",
            "/getAllUserBuys//%25",
            "/getAllUserBuys/",
        ]
        .map(Request::get),
    );
    requests.push(origin(Request::get("/getAllUserBuys/ada")));
    requests.push(Request {
        method: "OPTIONS",
        ..origin(Request::get("/buy")).with("Access-Control-Request-Method", "POST")
    });
    for (n, request) in requests.iter().enumerate() {
        let event = lambda.ask(request).await;
        assert_eq!(event, request.over_http(address).await, "{request:?}");
        assert_eq!(event.status == 201, n < bought, "{event:?}");
    }

    // One pair of each, and a pair is two copies of the same record.
    let mut records = records_of(&userid).await;
    assert_eq!(records.len(), 2 * bought);
    records.sort();
    for pair in records.chunks(2) {
        assert_eq!(pair[0], pair[1]);
    }
    records.dedup();
    assert_eq!(records.len(), bought);
}

/// Every record of a user, without what is random.
async fn records_of(userid: &str) -> Vec<String> {
    let connection = Connection::plaintext(services::kafka());
    let mut reader = TopicReader::start(&connection, TOPIC).unwrap();
    let mut found = Vec::new();
    while let Some(batch) = reader.next().await {
        let own = |record: &Record| record.key.as_deref() == Some(userid.as_bytes());
        for record in batch.unwrap().into_iter().filter(own) {
            let mut lines = Vec::new();
            for (name, value) in record.headers {
                if !name.ends_with("traceparent") {
                    lines.push(format!("{name}: {}", text(value)));
                }
            }
            found.push(format!("{}\n{}", lines.join("\n"), text(record.value)));
        }
    }
    found
}

fn text(bytes: Option<Vec<u8>>) -> String {
    String::from_utf8(bytes.unwrap()).unwrap()
}

#[tokio::test]
async fn what_an_http_api_sends_finds_its_route_too() {
    let lists = lists().await;
    let lambda = Lambda::start(&buy(), services::kafka(), &lists.url).await;
    // It decodes the path, and puts its stage before it.
    for (raw, asked) in [
        (
            "/live/getAllUserBuys/Zażółć gęślą",
            "/purchases/Za%C5%BC%C3%B3%C5%82%C4%87%20g%C4%99%C5%9Bl%C4%85",
        ),
        ("/live/getAllUserBuys/a/b", "/purchases/a/b"),
        ("/live/getAllUserBuys/a#b", "/purchases/a%23b"),
        ("/live/getAllUserBuys/a?b", "/purchases/a%3Fb"),
        ("/getAllUserBuys/live/x", "/purchases/live/x"),
    ] {
        let mut event = Request::get("/").event();
        event["rawPath"] = raw.into();
        event["requestContext"]["http"]["path"] = raw.into();
        event["requestContext"]["stage"] = "live".into();
        event["rawQueryString"] = "limit=5".into();
        let Said::Response(said) = lambda.api.invoke(event).await else {
            panic!("{}", lambda.process.said());
        };
        let asked = json!([format!("{asked}?limit=5")]);
        assert_eq!(Answer::of_event(&said).body, asked.to_string());
    }
}

#[tokio::test]
async fn a_process_that_was_frozen_between_events_goes_on() {
    let lists = lists().await;
    let lambda = Lambda::start(&buy(), services::kafka(), &lists.url).await;
    let userid = sample::fresh_user();
    for n in 0..3 {
        let answer = lambda
            .ask(&Request::buy(JSON, purchase(&userid, &n.to_string())))
            .await;
        assert_eq!(answer.status, 201, "{answer:?}");
        // As the host does once it has the answer; longer than librdkafka waits for anything short.
        lambda.process.signal(Signal::STOP);
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        lambda.process.signal(Signal::CONT);
    }
    assert_eq!(records_of(&userid).await.len(), 3);
}

#[tokio::test]
async fn without_a_broker_the_event_is_answered_with_503_and_what_is_known() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let broker = nobody.local_addr().unwrap().to_string();
    drop(nobody);
    let lambda = Lambda::start(&buy(), broker, "http://127.0.0.1:9").await;
    let answer = lambda
        .ask(&Request::buy(JSON, purchase("ada", "tea")))
        .await;
    assert_eq!(answer.status, 503, "{answer:?}");
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    assert!(answer.headers.contains_key("retry-after"));
    let problem: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    assert!(
        problem["recorded"].is_string() && problem["id"].is_string(),
        "{problem}"
    );
}

#[tokio::test]
async fn half_a_list_and_what_is_no_request_are_errors_of_the_function() {
    let lists = lists().await;
    let lambda = Lambda::start(&buy(), services::kafka(), &lists.url).await;
    let broken = Request::get("/getAllUserBuys/break").event();
    for event in [broken, json!({"Records": []}), json!(null)] {
        let said = lambda.api.invoke(event.clone()).await;
        assert!(matches!(said, Said::Error(_)), "{event}: {said:?}");
    }
    let long = lambda.ask(&Request::get("/getAllUserBuys/long")).await;
    assert!(
        long.status == 400 && long.body.contains("?limit="),
        "{}",
        long.status
    );
    // Lambda would otherwise start another process for every such event.
    assert_eq!(lambda.ask(&Request::get("/health")).await.status, 200);
}

#[tokio::test]
async fn it_ends_with_0_when_told_to_and_with_1_when_its_host_is_gone() {
    let stopped = Lambda::start(&buy(), services::kafka(), "http://127.0.0.1:9").await;
    let mut left = Lambda::start(&buy(), services::kafka(), "http://127.0.0.1:9").await;
    for lambda in [&stopped, &left] {
        assert_eq!(lambda.ask(&Request::get("/health")).await.status, 200);
    }
    let Lambda {
        api: _api,
        mut process,
    } = stopped;
    process.signal(Signal::TERM);
    assert_eq!(
        process.exit_status().await.code(),
        Some(0),
        "{}",
        process.said()
    );

    left.api.end();
    let ended = left.process.exit_status().await.code();
    assert_eq!(ended, Some(1), "{}", left.process.said());
    left.process
        .line_with("the host takes no more answers")
        .await;
}
