//! What a client on a real connection gets from the parts around the routes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

mod support;

use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::routing::{get, post};
use serve::{App, ReadyCheck, Tail};
use support::{Client, Server, patient};

struct Locked;

#[async_trait]
impl ReadyCheck for Locked {
    fn name(&self) -> &'static str {
        "log"
    }

    async fn missing(&self) -> Option<String> {
        Some("database is locked".to_owned())
    }
}

async fn server() -> Server {
    let routes = Router::new()
        .route("/buy", post(async || "bought"))
        .route("/lists/{*user}", get(async |Tail(user)| user))
        .route("/panic", get(async || -> &'static str { panic!("secret") }));
    let app = App::new("buy", "POST /buy", routes).ready(Arc::new(Locked));
    Server::start(app.expose_metrics().build(), patient()).await
}

async fn get_on(client: &mut Client, path: &str) -> support::Answer {
    client
        .send(&format!("GET {path} HTTP/1.1\r\nhost: t\r\n\r\n"))
        .await;
    client.answer().await
}

#[tokio::test]
async fn every_refusal_is_a_problem_and_keeps_the_connection() {
    let server = server().await;
    let mut client = server.client().await;
    for (path, status, header) in [
        ("/nothing", 404, ""),
        ("/buy", 405, "allow: post\r\n"),
        ("/panic", 500, ""),
    ] {
        let answer = get_on(&mut client, path).await;
        assert_eq!(answer.status, status, "{path}");
        assert!(
            answer
                .head
                .contains("content-type: application/problem+json"),
            "{path}"
        );
        assert!(answer.head.contains(header), "{path}");
        assert!(!answer.body.contains("secret"));
    }
    assert_eq!(get_on(&mut client, "/lists/alice").await.body, "alice");
}

#[tokio::test]
async fn ready_names_what_is_missing() {
    let server = server().await;
    let answer = get_on(&mut server.client().await, "/ready").await;
    assert_eq!(answer.status, 503);
    assert!(answer.body.contains("log: database is locked"));
}

#[tokio::test]
async fn metrics_have_the_template_of_a_route_that_was_asked() {
    let server = server().await;
    let mut client = server.client().await;
    get_on(&mut client, "/lists/alice").await;
    let text = get_on(&mut client, "/metrics").await.body;
    assert!(text.contains(r#"http_route="/lists/{*user}""#));
    assert!(!text.contains("alice"));
}
