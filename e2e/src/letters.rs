//! A dead letter sink that remembers.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use http::{HeaderMap, StatusCode};
use testkit::app::TestApp;

use crate::topics::Raw;

/// A sink on a real socket, and what it was sent.
pub struct Letters {
    pub app: TestApp,
    sink: Arc<Sink>,
}

#[derive(Default)]
struct Sink {
    sent: Mutex<Vec<(HeaderMap, Bytes)>>,
    refuses: AtomicBool,
    refused: AtomicU64,
}

impl Letters {
    pub async fn start() -> Self {
        let sink = Arc::<Sink>::default();
        let routes = Router::new()
            .route("/", post(keep))
            .with_state(sink.clone());
        let app = TestApp::start(routes).await;
        Self { app, sink }
    }

    /// From now on everything is answered with 503, or no more.
    pub fn refuse(&self, refuses: bool) {
        self.sink.refuses.store(refuses, Ordering::Relaxed);
    }

    /// How often something was refused.
    pub fn refused(&self) -> u64 {
        self.sink.refused.load(Ordering::Relaxed)
    }

    /// One attribute of all that was sent, in order.
    pub fn attribute(&self, name: &str) -> Vec<String> {
        let sent = self.sink.sent.lock().unwrap();
        let text = |headers: &HeaderMap| Some(headers.get(name)?.to_str().unwrap().to_owned());
        sent.iter()
            .map(|(headers, _)| text(headers).unwrap_or_default())
            .collect()
    }

    /// The bodies of all that was sent, in order.
    pub fn bodies(&self) -> Vec<Vec<u8>> {
        let sent = self.sink.sent.lock().unwrap();
        sent.iter().map(|(_, body)| body.to_vec()).collect()
    }

    /// What was sent, as a KafkaSink writes it into a topic.
    pub fn as_records(&self) -> Vec<Raw> {
        let sent = self.sink.sent.lock().unwrap();
        sent.iter()
            .map(|(headers, body)| record(headers, body))
            .collect()
    }
}

fn record(headers: &HeaderMap, body: &Bytes) -> Raw {
    let headers = headers.iter().filter_map(|(name, value)| {
        let name = match name.as_str() {
            "content-type" => "content-type".to_owned(),
            name => format!("ce_{}", name.strip_prefix("ce-")?),
        };
        Some((name, Some(value.as_bytes().to_vec())))
    });
    Raw {
        headers: headers.collect(),
        value: Some(body.to_vec()),
        ..Raw::default()
    }
}

async fn keep(State(sink): State<Arc<Sink>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    if sink.refuses.load(Ordering::Relaxed) {
        sink.refused.fetch_add(1, Ordering::Relaxed);
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    sink.sent.lock().unwrap().push((headers, body));
    StatusCode::ACCEPTED
}
