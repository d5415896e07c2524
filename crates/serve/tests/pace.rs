//! What a client does too slowly, or not at all.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

mod support;

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::routing::{get, post};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serve::{App, Limits};
use support::{PATIENCE, Server, patient};
use tokio::io::AsyncWriteExt;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

const SHORT: Duration = Duration::from_millis(200);
const GET: &str = "GET /health HTTP/1.1\r\nhost: t\r\n\r\n";

fn app(routes: Router) -> Router {
    App::new("test", "GET /health", routes).build()
}

#[tokio::test]
async fn slow_head_is_closed() {
    let limits = Limits {
        head: SHORT,
        ..patient()
    };
    let server = Server::start(app(Router::new()), limits).await;
    let client = server.client().await;
    let started = Instant::now();
    let (mut reading, mut writing) = client.stream.into_split();
    let trickle = tokio::spawn(async move {
        for byte in GET.bytes().cycle().filter(|byte| *byte != b'\n') {
            if writing.write_all(&[byte]).await.is_err() {
                break;
            }
            sleep(SHORT / 10).await;
        }
    });
    // The trickle may meet the closed socket first, so the end is either a close or a reset.
    let mut nowhere = tokio::io::sink();
    let end = tokio::io::copy(&mut reading, &mut nowhere);
    let _ = timeout(PATIENCE, end)
        .await
        .expect("the connection stays open");
    assert!(started.elapsed() >= SHORT);
    trickle.abort();
}

#[tokio::test]
async fn a_trickle_on_a_kept_connection_is_closed_too() {
    let limits = Limits {
        head: SHORT,
        ..patient()
    };
    let server = Server::start(app(Router::new()), limits).await;
    let mut client = server.client().await;
    client.send(GET).await;
    assert_eq!(client.answer().await.status, 200);
    client.send("GET /hea").await;
    assert!(client.closed().await.unwrap().is_empty());
}

#[tokio::test]
async fn idle_connection_is_closed_after_idle_and_not_after_head() {
    let limits = Limits {
        head: SHORT,
        idle: SHORT * 3,
        ..patient()
    };
    let server = Server::start(app(Router::new()), limits).await;
    let mut client = server.client().await;
    for _ in 0..2 {
        client.send(GET).await;
        assert_eq!(client.answer().await.status, 200);
    }
    let answered = Instant::now();
    assert!(client.closed().await.unwrap().is_empty());
    // The server's clock starts a moment before ours.
    assert!(answered.elapsed() > SHORT * 2);
}

#[tokio::test]
async fn connection_without_a_byte_is_closed_after_head() {
    let limits = Limits {
        head: SHORT,
        ..patient()
    };
    let server = Server::start(app(Router::new()), limits).await;
    assert!(server.client().await.closed().await.unwrap().is_empty());
}

#[tokio::test]
async fn slow_handler_is_not_the_clients_fault() {
    let limits = Limits {
        head: SHORT,
        idle: SHORT,
        stall: SHORT,
        ..patient()
    };
    let routes = Router::new().route("/slow", get(async || sleep(SHORT * 2).await));
    let server = Server::start(app(routes), limits).await;
    assert_eq!(
        server
            .ask("GET /slow HTTP/1.1\r\nhost: t\r\n\r\n")
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn client_that_takes_nothing_is_closed_after_stall() {
    let chunk = Bytes::from(vec![b'x'; 64 * 1024]);
    let endless = async move || {
        let chunks = stream::repeat_with(move || Ok::<_, Infallible>(chunk.clone()));
        Body::from_stream(chunks)
    };
    let limits = Limits {
        stall: SHORT,
        ..patient()
    };
    let routes = Router::new().route("/endless", get(endless));
    let server = Server::start(app(routes), limits).await;
    let mut client = server.client().await;
    client
        .send("GET /endless HTTP/1.1\r\nhost: t\r\n\r\n")
        .await;
    assert!(client.read_through(b"\r\n\r\n").await.contains("200 OK"));
    // A client that does not read learns of the reset from its socket's pending error.
    support::eventually(async || client.stream.take_error().unwrap().is_some()).await;
}

#[tokio::test]
async fn slow_body_is_refused_with_408() {
    let limits = Limits {
        body: SHORT,
        ..patient()
    };
    let routes = Router::new().route("/", post(async |_: serve::Body<100>| ()));
    let server = Server::start(app(routes), limits).await;
    let mut client = server.client().await;
    client
        .send("POST / HTTP/1.1\r\nhost: t\r\ncontent-length: 10\r\n\r\n12345")
        .await;
    let answer = client.answer().await;
    assert_eq!(answer.status, 408);
    assert!(
        answer
            .head
            .contains("content-type: application/problem+json")
    );
    assert!(answer.head.contains("connection: close"));
    assert!(client.closed().await.unwrap().is_empty());
}

#[tokio::test]
async fn response_that_breaks_off_resets_the_connection() {
    let go = Arc::new(Notify::new());
    let gone = Arc::clone(&go);
    let list = async move || {
        let first = stream::iter([Ok(Bytes::from_static(b"[1,"))]);
        let broken = stream::once(async move {
            gone.notified().await;
            Err(io::Error::other("store away"))
        });
        Body::from_stream(first.chain(broken))
    };
    let server = Server::start(app(Router::new().route("/list", get(list))), patient()).await;
    let mut client = server.client().await;
    client.send("GET /list HTTP/1.1\r\nhost: t\r\n\r\n").await;
    client.read_through(b"3\r\n[1,\r\n").await;
    go.notify_one();
    let end = client.closed().await;
    assert_eq!(end.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
}
