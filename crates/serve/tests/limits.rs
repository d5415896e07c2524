//! What a client sends too much of.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

mod support;

use std::time::Duration;

use axum::Router;
use axum::routing::post;
use serve::{App, Body};
use support::{Server, patient};
use tokio::io::AsyncWriteExt;

const MAX: usize = 1_000;

async fn server() -> Server {
    let length = async |Body(bytes): Body<MAX>| bytes.len().to_string();
    let app = App::new("test", "POST /", Router::new().route("/", post(length)));
    Server::start(app.build(), patient()).await
}

fn with_length(length: usize) -> String {
    let body = "x".repeat(length);
    format!("POST / HTTP/1.1\r\nhost: t\r\ncontent-length: {length}\r\n\r\n{body}")
}

fn chunked(length: usize) -> String {
    let body = "x".repeat(length);
    format!(
        "POST / HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\n{length:x}\r\n{body}\r\n0\r\n\r\n"
    )
}

#[tokio::test]
async fn body_of_exactly_the_limit_is_taken() {
    let server = server().await;
    for request in [with_length(MAX), chunked(MAX)] {
        let answer = server.ask(&request).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "1000"));
    }
}

#[tokio::test]
async fn body_one_byte_over_the_limit_is_refused() {
    let server = server().await;
    for request in [with_length(MAX + 1), chunked(MAX + 1)] {
        let answer = server.ask(&request).await;
        assert_eq!(answer.status, 413);
        assert!(
            answer
                .head
                .contains("content-type: application/problem+json")
        );
        assert!(answer.head.contains("connection: close"));
        assert!(answer.body.contains("larger than 1000 bytes"));
    }
}

#[tokio::test]
async fn announced_length_over_the_limit_is_refused_before_a_byte_of_it() {
    let server = server().await;
    let answer = server
        .ask("POST / HTTP/1.1\r\nhost: t\r\nexpect: 100-continue\r\ncontent-length: 1001\r\n\r\n")
        .await;
    assert_eq!(answer.status, 413);
}

#[tokio::test]
async fn client_that_is_still_sending_sees_the_413() {
    let server = server().await;
    let mut client = server.client().await;
    client
        .send("POST / HTTP/1.1\r\nhost: t\r\ncontent-length: 1000000\r\n\r\n")
        .await;
    client.stream.readable().await.unwrap();
    // The answer is there, and a client that writes first and reads then goes on. If the server had closed, the kernel would
    // reset the connection at the first of these, and the answer would be lost.
    for _ in 0..100 {
        client.send(&"x".repeat(10_000)).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(client.answer().await.status, 413);
}

#[tokio::test]
async fn chunks_without_end_are_bounded() {
    let server = server().await;
    let client = server.client().await;
    let (mut reading, mut writing) = client.stream.into_split();
    let endless = tokio::spawn(async move {
        let head = b"POST / HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\n";
        writing.write_all(head).await.unwrap();
        // Ends only because the server closes.
        while writing.write_all(b"4\r\nxxxx\r\n").await.is_ok() {}
    });
    let mut answer = [0; 12];
    tokio::io::AsyncReadExt::read_exact(&mut reading, &mut answer)
        .await
        .unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
    tokio::time::timeout(Duration::from_secs(10), endless)
        .await
        .expect("still sending")
        .unwrap();
}

#[tokio::test]
async fn one_header_too_many_is_431() {
    let server = server().await;
    for (count, status) in [(100, 404), (101, 431)] {
        let headers: String = (0..count).map(|n| format!("h{n}: v\r\n")).collect();
        let answer = server
            .ask(&format!("GET /x HTTP/1.1\r\n{headers}\r\n"))
            .await;
        assert_eq!(answer.status, status, "{count} headers");
    }
}

#[tokio::test]
async fn head_over_64_kib_is_431() {
    let server = server().await;
    for (length, status) in [(60_000, 404), (70_000, 431)] {
        let value = "v".repeat(length);
        let answer = server
            .ask(&format!("GET /x HTTP/1.1\r\nhost: t\r\nh: {value}\r\n\r\n"))
            .await;
        assert_eq!(answer.status, status, "{length} bytes");
    }
}

#[tokio::test]
async fn over_long_uri_is_414() {
    let server = server().await;
    for (length, status) in [(16 * 1024, 404), (16 * 1024 + 1, 414)] {
        let uri = format!("/{}", "u".repeat(length - 1));
        let answer = server
            .ask(&format!("GET {uri} HTTP/1.1\r\nhost: t\r\n\r\n"))
            .await;
        assert_eq!(answer.status, status, "{length} bytes");
        assert!(
            answer
                .head
                .contains("content-type: application/problem+json")
        );
    }
}

#[tokio::test]
async fn what_is_no_http_is_400() {
    let server = server().await;
    assert_eq!(server.ask("NOT HTTP AT ALL\r\n\r\n").await.status, 400);
}
