//! The Runtime API of AWS Lambda, version 2018-06-01, as far as a runtime meets it: it hands out one event at a time, keeps whoever
//! asks for the next one waiting, and takes an answer only for the event that is out.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use purchase::Stamp;
use serde_json::{Value, json};
use testkit::PATIENCE;
use testkit::sample;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Of a response that is not streamed.
const RESPONSE_BYTES_MAX: usize = 6 << 20;

/// What the function said to an event.
#[derive(Debug)]
pub(crate) enum Said {
    Response(Value),
    /// The body, with its type in `errorType`.
    Error(Value),
}

struct Invocation {
    id: String,
    event: Value,
    said: oneshot::Sender<Said>,
}

struct Host {
    events: tokio::sync::Mutex<mpsc::Receiver<Invocation>>,
    out: Mutex<Option<(String, oneshot::Sender<Said>)>>,
}

pub(crate) struct RuntimeApi {
    pub(crate) address: SocketAddr,
    events: mpsc::Sender<Invocation>,
    served: JoinHandle<()>,
}

impl RuntimeApi {
    pub(crate) async fn start() -> Self {
        let (events, queue) = mpsc::channel(1);
        let host = Arc::new(Host {
            events: tokio::sync::Mutex::new(queue),
            out: Mutex::default(),
        });
        let invocation = Router::new()
            .route("/next", get(next))
            .route("/{id}/response", post(response))
            .route("/{id}/error", post(error))
            .with_state(host);
        let router = Router::new().nest("/2018-06-01/runtime/invocation", invocation);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self {
            address: listener.local_addr().unwrap(),
            events,
            served: tokio::spawn(async {
                let no_end = std::future::pending();
                serve::run(listener, router, serve::Limits::default(), no_end).await;
            }),
        }
    }

    /// What a process finds in its environment.
    pub(crate) fn variables(&self) -> Vec<(&'static str, String)> {
        [
            ("AWS_LAMBDA_RUNTIME_API", self.address.to_string().as_str()),
            ("AWS_LAMBDA_FUNCTION_NAME", "buy"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/buy"),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "2026/01/31/[$LATEST]0"),
            ("AWS_EXECUTION_ENV", "AWS_Lambda_provided.al2023"),
            ("AWS_REGION", "eu-central-1"),
        ]
        .map(|(name, value)| (name, value.to_owned()))
        .to_vec()
    }

    /// Hands an event to the function and waits for what it says.
    pub(crate) async fn invoke(&self, event: Value) -> Said {
        let (said, hears) = oneshot::channel();
        let id = sample::purchase("x").id.to_string();
        let invocation = Invocation { id, event, said };
        let answered = async {
            assert!(self.events.send(invocation).await.is_ok());
            hears.await.expect("an answer to every event")
        };
        timeout(PATIENCE, answered).await.expect("an answer")
    }

    /// The host is gone, with everything that waits for it.
    pub(crate) fn end(self) {
        self.served.abort();
    }
}

async fn next(State(host): State<Arc<Host>>) -> Response {
    assert!(
        host.out.lock().unwrap().is_none(),
        "the next event was asked for before the last one was answered"
    );
    let Some(Invocation { id, event, said }) = host.events.lock().await.recv().await else {
        // The host is about to be gone.
        return std::future::pending().await;
    };
    let deadline = (Stamp::system().now)().millis() + 15_000;
    let headers = [
        ("Lambda-Runtime-Aws-Request-Id", id.clone()),
        ("Lambda-Runtime-Deadline-Ms", deadline.to_string()),
        (
            "Lambda-Runtime-Invoked-Function-Arn",
            "arn:aws:lambda:eu-central-1:123456789012:function:buy".to_owned(),
        ),
        (
            "Lambda-Runtime-Trace-Id",
            "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1".to_owned(),
        ),
    ];
    *host.out.lock().unwrap() = Some((id, said));
    (headers, Json(event)).into_response()
}

async fn response(state: State<Arc<Host>>, id: Path<String>, body: Bytes) -> Response {
    if body.len() > RESPONSE_BYTES_MAX {
        return refuse(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge");
    }
    take(
        &state,
        &id,
        Said::Response(serde_json::from_slice(&body).unwrap()),
    )
}

async fn error(
    state: State<Arc<Host>>,
    id: Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    assert!(headers.contains_key("lambda-runtime-function-error-type"));
    take(
        &state,
        &id,
        Said::Error(serde_json::from_slice(&body).unwrap()),
    )
}

fn take(host: &Host, id: &str, said: Said) -> Response {
    match host.out.lock().unwrap().take_if(|(out, _)| out == id) {
        Some((_, hears)) => {
            let _ = hears.send(said);
            (StatusCode::ACCEPTED, Json(json!({"status": "OK"}))).into_response()
        }
        None => refuse(StatusCode::BAD_REQUEST, "InvalidRequestID"),
    }
}

fn refuse(status: StatusCode, kind: &str) -> Response {
    (
        status,
        Json(json!({"errorType": kind, "errorMessage": kind})),
    )
        .into_response()
}
