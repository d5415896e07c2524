//! The page as a browser gets it.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::net::SocketAddr;

use axum::Router;
use flate2::read::GzDecoder;

use crate::support::{ask, buy, dead, gateway, gateway_to, get};

async fn page() -> SocketAddr {
    gateway_to(Router::new()).await
}

#[tokio::test]
async fn page_has_its_title_and_its_protection() {
    let answer = get(page().await, "/").await;
    assert_eq!(answer.status, 200);
    assert!(answer.body.contains("<title>User Buy List</title>"));
    assert_eq!(
        answer.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert_eq!(
        answer.header("content-security-policy"),
        Some(
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
             form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        )
    );
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
    for policy in ["opener", "resource"] {
        let policy = answer.header(&format!("cross-origin-{policy}-policy"));
        assert_eq!(policy, Some("same-origin"));
    }
}

#[tokio::test]
async fn page_is_compressed_for_those_who_take_it() {
    let address = page().await;
    let plain = get(address, "/page.css").await;
    let gzip = "GET /page.css HTTP/1.1\nAccept-Encoding: br, gzip";
    let compressed = ask(address, gzip, "").await;
    assert_eq!(compressed.header("content-encoding"), Some("gzip"));
    assert_ne!(compressed.header("etag"), plain.header("etag"));
    for answer in [&plain, &compressed] {
        assert_eq!(answer.header("vary"), Some("accept-encoding"));
    }
    let mut text = String::new();
    GzDecoder::new(&*compressed.bytes)
        .read_to_string(&mut text)
        .unwrap();
    assert_eq!(text, plain.body);
    assert!(compressed.bytes.len() * 3 < plain.bytes.len());
}

/// Who runs no scripts is sent on, with what the address said; nothing of it becomes markup.
#[tokio::test]
async fn page_knows_where_people_without_scripts_go() {
    let address = page().await;
    let refresh = async |target: &str| {
        let body = get(address, target).await.body;
        let (_, rest) = body.split_once("<noscript>").unwrap();
        rest.split_once("</noscript>").unwrap().0.to_owned()
    };
    let meta = |url: &str| format!("<meta http-equiv=\"refresh\" content=\"0; url={url}\">");
    assert_eq!(refresh("/").await, meta("?plain"));
    assert_eq!(refresh("/?user=a%20b").await, meta("?user=a%20b&amp;plain"));
    assert_eq!(
        refresh("/?user='x&y=1").await,
        meta("?user='x&amp;y=1&amp;plain")
    );
}

#[tokio::test]
async fn page_that_is_known_is_not_sent_again() {
    let address = page().await;
    let tag = get(address, "/").await.header("etag").unwrap().to_owned();
    assert!(
        tag.starts_with('"') && tag.ends_with('"'),
        "a strong tag: {tag}"
    );

    let known = ask(
        address,
        &format!("GET / HTTP/1.1\nIf-None-Match: \"old\", W/{tag}"),
        "",
    )
    .await;
    assert_eq!(
        (known.status, known.header("etag"), known.body.as_str()),
        (304, Some(tag.as_str()), "")
    );
    assert_eq!(
        ask(address, "GET / HTTP/1.1\nIf-None-Match: \"old\"", "")
            .await
            .status,
        200
    );
}

/// A file that is written and not served, or used under another name, breaks the page in the browser only.
#[tokio::test]
async fn every_file_that_the_page_uses_is_served() {
    let address = page().await;
    let mut wanted = BTreeSet::from(["/".to_owned()]);
    let mut served = BTreeSet::new();
    while let Some(path) = wanted.difference(&served).next().cloned() {
        let answer = get(address, &path).await;
        assert_eq!(answer.status, 200, "{path}");
        let kind = match path.rsplit_once('.') {
            Some((_, "css")) => "text/css; charset=utf-8",
            Some((_, "js")) => "text/javascript; charset=utf-8",
            Some((_, "svg")) => "image/svg+xml",
            _ => "text/html; charset=utf-8",
        };
        assert_eq!(answer.header("content-type"), Some(kind), "{path}");
        for quoted in answer.body.split('"') {
            let name = quoted.strip_prefix("./").unwrap_or(quoted);
            let plain = name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-');
            let is_file = [".css", ".js", ".svg"]
                .iter()
                .any(|end| name.ends_with(end));
            if plain && is_file {
                wanted.insert(format!("/{name}"));
            }
        }
        served.insert(path);
    }
    assert_eq!(
        served.len(),
        1 + std::fs::read_dir("page").unwrap().count() - 1,
        "a file of page/ is not used"
    );
}

#[tokio::test]
async fn page_does_not_depend_on_the_upstreams() {
    let upstream = dead().await;
    let address = gateway(upstream, ::gateway::Deadlines::default()).await;
    assert_eq!(get(address, "/").await.status, 200);
    assert_eq!(get(address, "/page.js").await.status, 200);
    assert_eq!(buy(address).await.status, 502);
}
