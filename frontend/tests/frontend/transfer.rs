//! Bodies pass as they come, and one that breaks or stalls never looks complete.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::support::{Answer, Connection, buy, gateway, gateway_to, start};
use ::gateway::Deadlines;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::CONTENT_LENGTH;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, post};
use futures_util::{StreamExt, stream};
use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Notify;

const LISTING: &str = "GET /getAllUserBuys/ann HTTP/1.1\r\nHost: x\r\n\r\n";

fn listing<F: Fn() -> Response + Clone + Send + Sync + 'static>(answer: F) -> Router {
    Router::new().route("/getAllUserBuys/{*userid}", any(async move || answer()))
}

/// An upstream below HTTP: reads a request, sends `answer`, closes when `gate` lets it.
async fn blunt(answer: &'static str, gate: Arc<Notify>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = Vec::new();
            let whole = |request: &[u8]| {
                request.ends_with(if request.starts_with(b"POST") {
                    b"{}"
                } else {
                    b"\r\n\r\n" as &[u8]
                })
            };
            while !whole(&request) {
                if stream.read_buf(&mut request).await.unwrap() == 0 {
                    break;
                }
            }
            stream.write_all(answer.as_bytes()).await.unwrap();
            gate.notified().await;
        }
    });
    address
}

/// What the client has when `gate` was opened after it saw the first bytes: an answer that must not look complete. Without
/// the gate the failure may overtake those bytes, and the whole answer becomes a 502.
async fn rest(address: SocketAddr, gate: &Notify) -> Answer {
    let mut client = Connection::open(address, LISTING).await;
    client.until("first").await;
    gate.notify_one();
    let answer = client.end().await;
    assert!(
        !answer.body.contains("\r\n0\r\n"),
        "the transfer looks complete: {answer:?}"
    );
    answer
}

#[tokio::test]
async fn first_chunk_of_an_answer_arrives_before_the_last_is_made() {
    let gate = Arc::new(Notify::new());
    let held = gate.clone();
    let app = listing(move || {
        let held = held.clone();
        let last = stream::once(async move {
            held.notified().await;
            Ok::<_, Infallible>("last")
        });
        Body::from_stream(stream::iter([Ok("first")]).chain(last)).into_response()
    });
    let mut client = Connection::open(gateway_to(app).await, LISTING).await;
    assert!(!client.until("first").await.contains("last"));
    gate.notify_one();
    client.until("last\r\n0\r\n\r\n").await;
}

#[tokio::test]
async fn first_chunk_of_a_request_arrives_before_the_last_is_sent() {
    let seen = Arc::new(Notify::new());
    let upstream_saw = seen.clone();
    let app = Router::new().route(
        "/buy",
        post(async move |request: Request| {
            let mut body = request.into_body();
            let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
            upstream_saw.notify_one();
            let rest = body.collect().await.unwrap().to_bytes();
            [first, rest].concat()
        }),
    );
    let address = gateway_to(app).await;
    let head = "POST /buy HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n";
    let mut client = Connection::open(address, head).await;
    tokio::time::timeout(Duration::from_secs(10), seen.notified())
        .await
        .expect("the upstream should see the first chunk");
    client.send("3\r\ntwo\r\n0\r\n\r\n").await;
    client.until("onetwo").await;
}

#[tokio::test]
async fn broken_upstream_body_breaks_the_transfer() {
    let gate = Arc::new(Notify::new());
    let held = gate.clone();
    let broken = move || {
        let held = held.clone();
        let failure = stream::once(async move {
            held.notified().await;
            Err(io::Error::other("store is gone"))
        });
        Body::from_stream(stream::iter([Ok("first")]).chain(failure))
    };
    let chunked = broken.clone();
    let address = gateway_to(listing(move || chunked().into_response())).await;
    rest(address, &gate).await;

    let address = gateway_to(listing(move || {
        ([(CONTENT_LENGTH, "100")], broken()).into_response()
    }))
    .await;
    let answer = rest(address, &gate).await;
    assert_eq!(
        (answer.header("content-length"), answer.body.len()),
        (Some("100"), 5)
    );
}

#[tokio::test]
async fn upstream_that_closes_within_its_body_breaks_the_transfer() {
    for cut in [
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nfirst",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n",
    ] {
        let gate = Arc::new(Notify::new());
        let address = gateway(blunt(cut, gate.clone()).await, Deadlines::default()).await;
        rest(address, &gate).await;
    }
}

/// The answer to an HTTP/1.0 client has no length and no chunks: only a reset tells it that bytes are missing.
#[tokio::test]
async fn client_without_chunks_sees_a_reset() {
    let gate = Arc::new(Notify::new());
    let cut = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n";
    let address = gateway(blunt(cut, gate.clone()).await, Deadlines::default()).await;
    let mut client = Connection::open(address, "GET /getAllUserBuys/ann HTTP/1.0\r\n\r\n").await;
    client.until("first").await;
    gate.notify_one();
    assert_eq!(client.reset().await, Some(io::ErrorKind::ConnectionReset));
}

#[tokio::test]
async fn upstream_body_that_stalls_is_cut() {
    let app = listing(|| {
        Body::from_stream(stream::iter([Ok::<_, Infallible>("first")]).chain(stream::pending()))
            .into_response()
    });
    let deadlines = Deadlines {
        stall: Duration::from_millis(100),
        ..Deadlines::default()
    };
    let address = gateway(start(app).await, deadlines).await;
    let answer = Connection::open(address, LISTING).await.end().await;
    assert!(
        answer.body.contains("first") && !answer.body.contains("\r\n0\r\n"),
        "the transfer looks complete: {answer:?}"
    );
}

#[tokio::test]
async fn request_body_that_stalls_is_refused() {
    let app = Router::new().route(
        "/buy",
        post(async |request: Request| _ = request.into_body().collect().await),
    );
    let deadlines = Deadlines {
        stall: Duration::from_millis(100),
        ..Deadlines::default()
    };
    let address = gateway(start(app).await, deadlines).await;
    let request =
        "POST /buy HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 10\r\n\r\nhalf";
    let answer = Connection::open(address, request).await.end().await;
    assert_eq!(answer.status, 408);
    assert_eq!(answer.problem()["recorded"], "unknown");
}

#[tokio::test]
async fn request_body_that_breaks_off_is_the_clients_fault() {
    let app = Router::new().route(
        "/buy",
        post(async |request: Request| _ = request.into_body().collect().await),
    );
    let address = gateway_to(app).await;
    for broken in ["no size\r\n", "4\r\nhalf4", "0\r\nno trailer\r\n\r\n"] {
        let request =
            format!("POST /buy HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{broken}");
        let answer = Connection::open(address, &request).await.end().await;
        assert_eq!(answer.status, 400, "{broken:?}: {answer:?}");
        assert_eq!(answer.problem()["recorded"], "no");
    }
}

#[tokio::test]
async fn upstream_that_closes_without_an_answer_leaves_it_unknown() {
    for nothing in ["", "HTTP/1.1 20", "what?\r\n\r\n"] {
        let gate = Arc::new(Notify::new());
        gate.notify_one();
        let address = gateway(blunt(nothing, gate).await, Deadlines::default()).await;
        let answer = buy(address).await;
        assert_eq!(answer.status, 502);
        assert_eq!(answer.problem()["recorded"], "unknown");
    }
}
