//! A dead letter sink that remembers.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use http::{HeaderMap, StatusCode};
use testkit::app::TestApp;

/// A sink on a real socket, and the headers of what it was sent.
pub struct Letters {
    pub app: TestApp,
    sent: Sent,
}

type Sent = Arc<Mutex<Vec<HeaderMap>>>;

impl Letters {
    pub async fn start() -> Self {
        let sent = Sent::default();
        let routes = Router::new()
            .route("/", post(keep))
            .with_state(sent.clone());
        let app = TestApp::start(routes).await;
        Self { app, sent }
    }

    /// One attribute of all that was sent, in order.
    pub fn attribute(&self, name: &str) -> Vec<String> {
        let sent = self.sent.lock().unwrap();
        let text = |headers: &HeaderMap| Some(headers.get(name)?.to_str().unwrap().to_owned());
        sent.iter()
            .map(|headers| text(headers).unwrap_or_default())
            .collect()
    }
}

async fn keep(State(sent): State<Sent>, headers: HeaderMap) -> StatusCode {
    sent.lock().unwrap().push(headers);
    StatusCode::ACCEPTED
}
