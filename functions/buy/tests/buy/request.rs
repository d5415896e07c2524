//! Requests that buy refuses whatever they say: their type, size, key, address, method and pace.

use std::fmt::Write as _;
use std::time::Duration;

use crate::support::{Shop, VALID, json, keyed, refused};
use serve::Limits;
use sqlite::Options;
use testkit::raw::{head, request, status};

/// 64 KiB, the longest body.
const BODY_BYTES_MAX: usize = 64 * 1024;

#[tokio::test]
async fn other_content_types() {
    let mut requests: Vec<_> = [
        "text/plain",
        "multipart/form-data; boundary=x",
        "application/jsonp",
        "application/vnd.api+json",
        "application/cloudevents+json",
        "json",
        "",
        "text/plain; name=ü",
        "application/json; charset=utf-16",
    ]
    .map(|content_type| {
        let header = format!("Content-Type: {content_type}");
        (header.clone(), request("POST /buy", &[&header], VALID))
    })
    .into();
    requests.push(("no Content-Type".into(), request("POST /buy", &[], VALID)));
    let compressed = ["Content-Type: application/json", "Content-Encoding: gzip"];
    let compressed = request("POST /buy", &compressed, b"\x1f\x8b\x08");
    requests.push(("compressed".into(), compressed));
    let catalogue = refused(&Shop::open().await, 415, requests).await;
    insta::assert_snapshot!(catalogue.0);
}

#[tokio::test]
async fn bad_idempotency_keys() {
    let shop = Shop::open().await;
    let mut requests: Vec<_> = [
        "",
        "\"\"",
        "\"open",
        "\"a\"b",
        "\"a\\b\"",
        "a\tb",
        "schlüssel",
    ]
    .map(|key| (format!("Idempotency-Key: {key}"), keyed(key, VALID)))
    .into();
    let long = "k".repeat(256);
    requests.push(("256 characters".into(), keyed(&long, VALID)));
    requests.push((
        "256 characters, quoted".into(),
        keyed(&format!("\"{long}\""), VALID),
    ));
    let twice = [
        "Content-Type: application/json",
        "Idempotency-Key: a",
        "Idempotency-Key: a",
    ];
    requests.push(("twice".into(), request("POST /buy", &twice, VALID)));
    let catalogue = refused(&shop, 400, requests).await;
    insta::assert_snapshot!(catalogue.0);
}

#[tokio::test]
async fn bodies_over_64_kib() {
    let shop = Shop::open().await;
    let padded = |bytes: usize| format!("{VALID}{}", " ".repeat(bytes - VALID.len()));
    let mut chunked = head(
        "POST /buy",
        &[
            "Content-Type: application/json",
            "Transfer-Encoding: chunked",
        ],
    );
    let body = padded(BODY_BYTES_MAX + 1);
    for chunk in body.as_bytes().chunks(4_096) {
        let mut size = String::new();
        write!(size, "{:x}\r\n", chunk.len()).unwrap();
        chunked.extend_from_slice(size.as_bytes());
        chunked.extend_from_slice(chunk);
        chunked.extend_from_slice(b"\r\n");
    }
    chunked.extend_from_slice(b"0\r\n\r\n");
    let announced = [
        "Content-Type: application/json",
        "Content-Length: 99999999999",
        "Expect: 100-continue",
    ];
    let requests = [
        ("64 KiB + 1 with Content-Length", json(&body)),
        ("64 KiB + 1 in chunks", chunked),
        (
            "100 GB announced, nothing sent",
            head("POST /buy", &announced),
        ),
    ]
    .map(|(title, request)| (title.to_owned(), request));
    let catalogue = refused(&shop, 413, requests).await;
    insta::assert_snapshot!(catalogue.0);
    let longest = shop.ask(&json(&padded(BODY_BYTES_MAX))).await;
    assert_eq!(status(&longest), 201, "64 KiB are not too many");
}

#[tokio::test]
async fn unknown_routes() {
    let requests = [
        "POST /",
        "POST /buy/",
        "POST /Buy",
        "GET /purchases",
        "GET /favicon.ico",
    ]
    .map(|line| (line.to_owned(), request(line, &[], "")));
    let catalogue = refused(&Shop::open().await, 404, requests).await;
    insta::assert_snapshot!(catalogue.0);
}

#[tokio::test]
async fn wrong_methods() {
    let requests = [
        "GET /buy",
        "PUT /buy",
        "DELETE /buy",
        "OPTIONS /buy",
        "POST /health",
    ]
    .map(|line| (line.to_owned(), request(line, &[], "")));
    let catalogue = refused(&Shop::open().await, 405, requests).await;
    insta::assert_snapshot!(catalogue.0);
}

#[tokio::test]
async fn heads_that_are_too_large() {
    // Host, Connection and Content-Length are three of them.
    let headers: Vec<_> = (0..98).map(|n| format!("X-{n}: {n}")).collect();
    let headers: Vec<_> = headers.iter().map(String::as_str).collect();
    let long = format!("X-Long: {}", "x".repeat(64 * 1024));
    let requests = [
        ("101 headers", request("POST /buy", &headers, "")),
        ("a header of 64 KiB", request("POST /buy", &[&long], "")),
    ]
    .map(|(title, request)| (title.to_owned(), request));
    let catalogue = refused(&Shop::open().await, 431, requests).await;
    insta::assert_snapshot!(catalogue.0);
}

#[tokio::test]
async fn a_body_that_takes_too_long() {
    let limits = Limits {
        body: Duration::from_millis(50),
        ..Limits::default()
    };
    let shop = Shop::with(Options::default(), limits).await;
    let mut half = head(
        "POST /buy",
        &["Content-Type: application/json", "Content-Length: 61"],
    );
    half.extend_from_slice(&VALID.as_bytes()[..20]);
    let catalogue = refused(&shop, 408, [("half of the body".to_owned(), half)]).await;
    insta::assert_snapshot!(catalogue.0);
}

#[tokio::test]
async fn what_is_no_http() {
    let requests = ["hello\r\n\r\n", "POST /buy HTTP/9.9\r\n\r\n"]
        .map(|text| (text.trim().to_owned(), text.as_bytes().to_vec()));
    let catalogue = refused(&Shop::open().await, 400, requests).await;
    insta::assert_snapshot!(catalogue.0);
}
