//! What a request leaves in the log.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::routing::get;
use bytes::Bytes;
use futures_util::stream;
use http_body_util::BodyExt;
use serde_json::Value;
use serve::{App, Problem, Tail};
use tower::ServiceExt;
use tracing::Span;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The one event of one request, with the filter at `level`.
async fn logged(uri: &str, level: tracing::Level) -> Value {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_span_list(false)
        .with_max_level(level)
        .with_writer(move || writer.clone())
        .finish();
    let _default = tracing::subscriber::set_default(subscriber);
    let stored = async |Tail(_): Tail| {
        Span::current().record("cloudevents.event_id", "018f");
    };
    let broken = async || -> Problem {
        let cause = io::Error::other("connection refused");
        Problem::unavailable("The store is not reachable.", 1).because(cause)
    };
    let torn = async || {
        Body::from_stream(stream::iter([Err::<Bytes, _>(io::Error::other(
            "cursor lost",
        ))]))
    };
    let routes = Router::new()
        .route("/lists/{*user}", get(stored))
        .route("/broken", get(broken))
        .route("/torn", get(torn))
        .route(
            "/panic",
            get(async || -> &'static str { panic!("index 7") }),
        );
    let request = Request::builder()
        .uri(uri)
        .header(
            "traceparent",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        )
        .body(Body::empty())
        .unwrap();
    let app = App::new("test", "GET /lists/{user}", routes).build();
    let response = app.oneshot(request).await.unwrap();
    // Collected, whether whole or broken: the event comes at the end of the body.
    let _ = response.into_body().collect().await;
    let lines = lines.0.lock().unwrap();
    assert!(!String::from_utf8_lossy(&lines).contains("alice"));
    serde_json::from_slice(&lines).expect("one event")
}

#[tokio::test]
async fn success_is_a_debug_event_with_the_fields_of_its_span() {
    let event = logged("/lists/alice", tracing::Level::DEBUG).await;
    assert_eq!(event["level"], "DEBUG");
    let span = &event["span"];
    assert_eq!(span["http.request.method"], "GET");
    assert_eq!(span["http.route"], "/lists/{*user}");
    assert_eq!(span["http.response.status_code"], 200);
    assert_eq!(span["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(span["cloudevents.event_id"], "018f");
    assert!(span["duration_ms"].as_f64().unwrap() > 0.0);
}

#[tokio::test]
async fn refusal_is_an_info_event_without_the_path() {
    let event = logged("/alice/%20", tracing::Level::INFO).await;
    assert_eq!(event["level"], "INFO");
    assert_eq!(event["span"]["http.route"], "unmatched");
    assert_eq!(event["span"]["http.response.status_code"], 404);
}

#[tokio::test]
async fn failure_is_a_warning_with_its_cause_even_when_only_warnings_are_logged() {
    let event = logged("/broken", tracing::Level::WARN).await;
    assert_eq!(event["level"], "WARN");
    assert_eq!(event["cause"], "connection refused");
    assert_eq!(event["span"]["http.route"], "/broken");
}

#[tokio::test]
async fn panic_is_a_warning_with_its_text() {
    let event = logged("/panic", tracing::Level::WARN).await;
    assert_eq!(event["cause"], "panic: index 7");
    assert_eq!(event["span"]["http.response.status_code"], 500);
}

#[tokio::test]
async fn response_that_breaks_off_is_a_warning_though_its_status_was_sent() {
    let event = logged("/torn", tracing::Level::WARN).await;
    assert_eq!(event["cause"], "the response body broke off: cursor lost");
    assert_eq!(event["span"]["http.response.status_code"], 200);
}
