//! Too many at once, and the stop.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::{get, post};
use serve::{App, Body, Drained, Limits};
use support::{Client, PATIENCE, Server, eventually, patient};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;

const WAIT: &str = "GET /wait HTTP/1.1\r\nhost: t\r\n\r\n";
const HEALTH: &str = "GET /health HTTP/1.1\r\nhost: t\r\n\r\n";

/// A route that answers when the test lets it.
#[derive(Clone)]
struct Gate {
    inside: Arc<AtomicUsize>,
    open: Arc<Semaphore>,
}

impl Gate {
    fn new() -> Self {
        Self {
            inside: Arc::default(),
            open: Arc::new(Semaphore::new(0)),
        }
    }

    fn app(&self) -> App {
        let gate = self.clone();
        let wait = async move || {
            gate.inside.fetch_add(1, Ordering::SeqCst);
            gate.open.acquire().await.unwrap().forget();
            "waited"
        };
        let length = async |Body(bytes): Body<100_000>| bytes.len().to_string();
        let routes = Router::new()
            .route("/wait", get(wait))
            .route("/length", post(length));
        App::new("test", "GET /wait", routes)
    }

    async fn has_inside(&self, n: usize) {
        eventually(async || self.inside.load(Ordering::SeqCst) == n).await;
    }
}

#[tokio::test]
async fn over_the_cap_is_503_at_once_while_health_answers() {
    let gate = Gate::new();
    let server = Server::start(gate.app().max_in_flight(1).build(), patient()).await;
    let mut first = server.client().await;
    first.send(WAIT).await;
    gate.has_inside(1).await;

    let second = server.ask(WAIT).await;
    assert_eq!(second.status, 503);
    assert!(second.head.contains("retry-after: 1\r\n"));
    assert!(
        second
            .head
            .contains("content-type: application/problem+json")
    );
    for path in ["/health", "/health/liveness", "/health/readiness", "/ready"] {
        let answer = server
            .ask(&format!("GET {path} HTTP/1.1\r\nhost: t\r\n\r\n"))
            .await;
        assert_eq!(answer.status, 200, "{path}");
    }

    gate.open.add_permits(2);
    assert_eq!(first.answer().await.body, "waited");
    assert_eq!(server.ask(WAIT).await.status, 200);
}

/// A request and the beginning of its body.
fn begun(length: usize, sent: usize) -> String {
    let body = "x".repeat(sent);
    format!("POST /length HTTP/1.1\r\nhost: t\r\ncontent-length: {length}\r\n\r\n{body}")
}

#[tokio::test]
async fn bodies_that_are_still_arriving_take_no_place() {
    let server = Server::start(Gate::new().app().max_in_flight(1).build(), patient()).await;
    let mut slow: Vec<Client> = Vec::new();
    for _ in 0..20 {
        let mut client = server.client().await;
        client.send(&begun(100, 1)).await;
        slow.push(client);
    }
    for chunked in [false, true] {
        let quick = if chunked {
            "POST /length HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n".to_owned()
        } else {
            begun(1, 1)
        };
        let answer = server.ask(&quick).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "1"));
    }
    for mut client in slow {
        client.send(&"x".repeat(99)).await;
        assert_eq!(client.answer().await.body, "100");
    }
}

#[tokio::test]
async fn a_whole_body_over_the_cap_is_503_at_once() {
    let gate = Gate::new();
    let server = Server::start(gate.app().max_in_flight(1).build(), patient()).await;
    let mut first = server.client().await;
    first.send(WAIT).await;
    gate.has_inside(1).await;
    let chunked = "POST /length HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";
    for request in [&begun(5, 5), &begun(0, 0), chunked] {
        let answer = server.ask(request).await;
        assert_eq!(answer.status, 503, "{request}");
        assert!(answer.head.contains("retry-after: 1\r\n"));
        assert!(
            answer.body.contains("\"recorded\":\"no\""),
            "{}",
            answer.body
        );
    }
    gate.open.add_permits(1);
    assert_eq!(first.answer().await.body, "waited");
    assert_eq!(server.ask(&begun(5, 5)).await.status, 200);
}

#[tokio::test]
async fn a_long_body_takes_its_place_while_it_arrives() {
    let server = Server::start(Gate::new().app().max_in_flight(1).build(), patient()).await;
    let mut long = server.client().await;
    long.send(&begun(50_000, 40_000)).await;
    eventually(async || server.ask(&begun(1, 1)).await.status == 503).await;
    long.send(&"x".repeat(10_000)).await;
    assert_eq!(long.answer().await.body, "50000");
    assert_eq!(server.ask(&begun(1, 1)).await.status, 200);
}

#[tokio::test]
async fn a_body_is_no_way_around_the_cap_for_requests_that_read() {
    let gate = Gate::new();
    let server = Server::start(gate.app().max_in_flight(1).build(), patient()).await;
    let mut first = server.client().await;
    first.send(WAIT).await;
    gate.has_inside(1).await;
    let with_body = "GET /wait HTTP/1.1\r\nhost: t\r\ncontent-length: 5\r\n\r\nx";
    assert_eq!(server.ask(with_body).await.status, 503);
    gate.open.add_permits(1);
    assert_eq!(first.answer().await.body, "waited");
}

#[tokio::test]
async fn one_connection_too_many_waits_until_another_leaves() {
    let app = Gate::new().app().build();
    let limits = Limits {
        connections_max: 1,
        ..patient()
    };
    let server = Server::start(app, limits).await;
    let mut first = server.client().await;
    first.send(HEALTH).await;
    assert_eq!(first.answer().await.status, 200);

    let mut second = server.client().await;
    second.send(HEALTH).await;
    let early = timeout(Duration::from_millis(100), second.stream.readable()).await;
    assert!(early.is_err(), "answered over the cap");
    drop(first);
    assert_eq!(second.answer().await.status, 200);
}

#[tokio::test]
async fn requests_in_flight_at_the_stop_are_all_answered() {
    let gate = Gate::new();
    let server = Server::start(gate.app().build(), patient()).await;
    let mut clients: Vec<Client> = Vec::new();
    for _ in 0..50 {
        let mut client = server.client().await;
        client.send(WAIT).await;
        clients.push(client);
    }
    gate.has_inside(50).await;
    let mut idle = server.client().await;
    idle.send(HEALTH).await;
    assert_eq!(idle.answer().await.status, 200);

    let address = server.address;
    let running = server.stop();
    eventually(async || TcpStream::connect(address).await.is_err()).await;
    assert!(idle.closed().await.unwrap().is_empty());
    gate.open.add_permits(50);
    for mut client in clients {
        let answer = client.answer().await;
        assert_eq!(answer.body, "waited");
        assert!(answer.head.contains("connection: close"));
    }
    drop(idle);
    let drained = timeout(PATIENCE, running)
        .await
        .expect("never returned")
        .unwrap();
    assert_eq!(drained, Drained { dropped: 0 });
}

#[tokio::test]
async fn connections_are_accepted_during_the_drain_delay() {
    let limits = Limits {
        drain_delay: Duration::from_millis(500),
        ..patient()
    };
    let server = Server::start(Gate::new().app().build(), limits).await;
    let address = server.address;
    let stopped = Instant::now();
    let running = server.stop();
    let mut answered_after = Duration::ZERO;
    while let Ok(stream) = TcpStream::connect(address).await {
        drop(stream);
        answered_after = stopped.elapsed();
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(
        answered_after > Duration::from_millis(250),
        "{answered_after:?}"
    );
    assert!(stopped.elapsed() >= limits.drain_delay);
    timeout(PATIENCE, running)
        .await
        .expect("never returned")
        .unwrap();
}

#[tokio::test]
async fn during_the_drain_delay_an_answer_is_the_last_on_its_connection() {
    let limits = Limits {
        drain_delay: Duration::from_millis(500),
        ..patient()
    };
    let server = Server::start(Gate::new().app().build(), limits).await;
    let mut kept = server.client().await;
    kept.send(HEALTH).await;
    assert!(!kept.answer().await.head.contains("connection: close"));
    let mut idle = server.client().await;
    let stopped = Instant::now();
    let running = server.stop();
    kept.send(HEALTH).await;
    assert!(kept.answer().await.head.contains("connection: close"));
    assert!(kept.closed().await.unwrap().is_empty());
    assert!(stopped.elapsed() < limits.drain_delay);
    // Whoever did not ask meanwhile may still have meant to.
    assert!(idle.closed().await.unwrap().is_empty());
    assert!(stopped.elapsed() >= limits.drain_delay);
    timeout(PATIENCE, running)
        .await
        .expect("never returned")
        .unwrap();
}

#[tokio::test]
async fn what_outlasts_the_drain_is_dropped_and_counted() {
    let gate = Gate::new();
    let limits = Limits {
        drain_max: Duration::from_millis(100),
        ..patient()
    };
    let server = Server::start(gate.app().build(), limits).await;
    let mut client = server.client().await;
    client.send(WAIT).await;
    gate.has_inside(1).await;
    let drained = timeout(PATIENCE, server.stop())
        .await
        .expect("never returned")
        .unwrap();
    assert_eq!(drained, Drained { dropped: 1 });
}
