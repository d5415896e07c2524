//! A whole list is streamed: complete or visibly broken, and never more of it in memory than the client takes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

mod support;

use std::time::Duration;

use axum::body::Body;
use http_body_util::BodyExt as _;
use purchase::Purchase;
use support::spy::INTERNALS;
use support::{Fixture, fixture, ids, listed, request, stays};
use testkit::app::client;
use testkit::sample::{self, NOON_MS};
use testkit::{PATIENCE, eventually, raw};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tower::ServiceExt as _;

const LIST: &str = "/getAllUserBuys/ada";
/// What the product reads at a time.
const PAGE: usize = 500;

async fn fixture_of(count: usize) -> (Fixture, Vec<Purchase>) {
    let fixture = fixture();
    let purchases: Vec<_> = (0..count)
        .map(|n| sample::at("ada", NOON_MS + n as i64 / 10))
        .collect();
    fixture.store(&purchases).await;
    (fixture, purchases)
}

#[tokio::test]
async fn list_without_a_limit_is_whole_at_every_length() {
    for count in [0, 1, 499, 500, 501, 999, 1_000, 1_001] {
        let (fixture, purchases) = fixture_of(count).await;
        let answer = fixture.get(LIST).await;
        assert_eq!(answer.ids(), listed(&purchases), "{count} purchases");
        assert_eq!(answer.header("link"), None);

        let app = fixture.serve().await;
        let url = format!("{}{LIST}", app.url);
        let body = client().get(url).send().await.unwrap().bytes().await;
        assert_eq!(body.unwrap(), answer.body, "{count} over a socket");
        app.stop().await;
    }
}

async fn stream(fixture: &Fixture) -> Body {
    let response = fixture.router.clone().oneshot(request(LIST, &[])).await;
    response.unwrap().into_body()
}

#[tokio::test]
async fn hundred_thousand_purchases_are_read_one_page_at_a_time() {
    let count = 100_000;
    let (fixture, purchases) = fixture_of(count).await;
    let mut body = stream(&fixture).await;
    let (mut json, mut frames) = (Vec::new(), 0);
    while let Some(frame) = body.frame().await {
        let chunk = frame.unwrap().into_data().unwrap();
        assert!(chunk.len() < 300 * PAGE, "a chunk of {} bytes", chunk.len());
        frames += 1;
        // Whatever is read is handed on at once, so no more than one page is ever in memory.
        assert_eq!(fixture.spy.lists(), frames);
        json.extend_from_slice(&chunk);
    }
    assert_eq!(fixture.spy.lists(), count / PAGE + 1);
    assert!(
        ids(&json) == listed(&purchases),
        "not the list that was stored"
    );
}

#[tokio::test]
async fn store_is_asked_for_nothing_while_the_client_takes_nothing() {
    let (fixture, purchases) = fixture_of(3 * PAGE).await;
    let mut body = stream(&fixture).await;
    let mut json = Vec::new();
    for pages in 1..=4 {
        // The first page is read before the head, so that a failure is a 503; the others when the client takes more.
        if pages > 1 {
            assert_eq!(fixture.spy.lists(), pages - 1);
        }
        json.extend(body.frame().await.unwrap().unwrap().into_data().unwrap());
        assert_eq!(fixture.spy.lists(), pages);
        stays("pages read", Duration::from_millis(30), || {
            fixture.spy.lists()
        })
        .await;
    }
    assert!(body.frame().await.is_none());
    assert_eq!(ids(&json), listed(&purchases));
    assert_eq!(
        fixture.spy.lists(),
        4,
        "the last one is empty: 1,500 is a multiple of 500"
    );
}

/// A connection that takes little before it blocks, with the request sent.
async fn stalling_client(address: std::net::SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(16 * 1024).unwrap();
    let mut stream = socket.connect(address).await.unwrap();
    let request = format!("GET {LIST} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// Until the buffers between server and client are full: no page was read for 200 ms.
async fn stalled(fixture: &Fixture) -> usize {
    let mut last = (0, std::time::Instant::now());
    eventually(
        "the server stops reading for a client that stalls",
        async || {
            let pages = fixture.spy.lists();
            if pages != last.0 {
                last = (pages, std::time::Instant::now());
            }
            (pages > 0 && last.1.elapsed() > Duration::from_millis(200)).then_some(pages)
        },
    )
    .await
}

#[tokio::test]
async fn client_that_stalls_holds_a_few_pages_and_gets_the_rest_when_it_goes_on() {
    let count = 100_000;
    let (fixture, _) = fixture_of(count).await;
    let app = fixture.serve().await;
    let mut stream = stalling_client(app.address).await;
    let pages = stalled(&fixture).await;
    println!("pages read for a client that stalls: {pages}");
    // About 80 KiB each, all of it in the buffers of the kernel (4 MiB on Linux) and of hyper; the whole list is 17 MB.
    let all = count / PAGE;
    assert!(pages <= all / 2, "{pages} of {all} pages were read ahead");

    let mut answer = Vec::new();
    let reading = stream.read_to_end(&mut answer);
    tokio::time::timeout(PATIENCE, reading)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(fixture.spy.lists(), count / PAGE + 1);
    assert!(answer.ends_with(b"]\r\n0\r\n\r\n"));
    app.stop().await;
}

#[tokio::test]
async fn client_that_goes_away_ends_the_reading() {
    let count = 40_000;
    let (fixture, _) = fixture_of(count).await;
    let app = fixture.serve().await;
    let stream = stalling_client(app.address).await;
    stalled(&fixture).await;
    drop(stream);
    let pages = stalled(&fixture).await;
    assert!(pages < count / PAGE, "the list was read to its end");
    stays("pages read for nobody", Duration::from_millis(300), || {
        fixture.spy.lists()
    })
    .await;
    app.stop().await;
}

#[tokio::test]
async fn store_that_fails_on_the_third_page_breaks_the_transfer() {
    let (fixture, purchases) = fixture_of(5 * PAGE).await;
    let app = fixture.serve().await;
    for format in ["application/json", "application/x-ndjson", "text/csv"] {
        fixture.spy.fail_lists_after(fixture.spy.lists() + 2);
        let request = client().get(format!("{}{LIST}", app.url));
        let response = request.header("accept", format).send().await.unwrap();
        assert_eq!(
            response.status(),
            200,
            "two pages were there to answer with"
        );
        let error = response
            .bytes()
            .await
            .expect_err("a list that is not whole");
        assert!(error.is_body() || error.is_decode(), "{error:?}");
    }

    for version in ["1.1", "1.0"] {
        fixture.spy.fail_lists_after(fixture.spy.lists() + 2);
        let request = format!("GET {LIST} HTTP/{version}\r\nHost: a\r\nConnection: close\r\n\r\n");
        let answer = raw::exchange(app.address, request.as_bytes()).await;
        let answer = String::from_utf8(answer).unwrap();
        assert!(
            answer.starts_with(&format!("HTTP/{version} 200 OK")),
            "{answer:.200}"
        );
        assert!(
            !answer.ends_with("0\r\n\r\n"),
            "the transfer ends as if it were whole"
        );
        assert!(!answer.contains(']'), "the array is closed");
        assert!(!answer.contains(INTERNALS));
        assert!(answer.matches("\"id\"").count() <= 2 * PAGE);
    }

    // Once the store is back, so is the list.
    fixture.spy.fail_lists_after(usize::MAX);
    assert_eq!(fixture.get(LIST).await.ids(), listed(&purchases));
    app.stop().await;
}

#[tokio::test]
async fn store_that_fails_on_the_first_page_is_a_503_over_a_socket() {
    let (fixture, _) = fixture_of(2 * PAGE).await;
    fixture.spy.fail_lists_after(0);
    let app = fixture.serve().await;
    let response = client().get(format!("{}{LIST}", app.url)).send().await;
    let response = response.unwrap();
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["retry-after"], "2");
    assert_eq!(
        response.headers()["content-type"],
        "application/problem+json"
    );
    assert!(!response.text().await.unwrap().contains(INTERNALS));
    app.stop().await;
}
