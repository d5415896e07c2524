//! Passes requests to an upstream over HTTP/1.1 and its answers back, both streamed.
//!
//! Invariant: what an upstream sent arrives unchanged or visibly fails. Method, raw path, query and bodies pass byte for
//! byte; a body that breaks or stalls breaks the client's connection and never just ends; redirects are answers like any
//! other; no proxy of the environment is used. hyper's client rather than reqwest, because a `Url` resolves `..` and
//! `%2e%2e`, which are parts of user ids here.
//!
//! It does not retry: only the client knows whether a request may be repeated.

mod failure;
mod headers;
mod paced;
mod ready;
mod upstream;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::{BoxError, Router};
use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue, Method, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use serve::TraceParent;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;

use crate::failure::Failure;
use crate::paced::Paced;
pub use crate::ready::Reachable;
pub use crate::upstream::{BadUpstream, Upstream};

/// Below the idle times of the servers and meshes behind us, so that we close first and no request meets a closing connection.
const IDLE: Duration = Duration::from_secs(4);
/// Idle connections kept for the next burst.
const IDLE_CONNECTIONS_MAX: usize = 64;

/// How long each step may take.
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    /// Name look-up and TCP handshake: with a platform's proxy in front of the function both are at hand.
    pub connect: Duration,
    /// From the request's arrival to the head of the answer. A function may be waking from zero.
    pub head: Duration,
    /// The longest silence within a body, in either direction.
    pub stall: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(3),
            head: Duration::from_secs(60),
            stall: Duration::from_secs(30),
        }
    }
}

/// A router that passes every request to `upstream`.
pub fn forward(upstream: Upstream, deadlines: Deadlines) -> Router {
    let client = client(deadlines.connect);
    Router::new().fallback(relay).with_state(Arc::new(Gateway {
        client,
        upstream,
        deadlines,
    }))
}

type Connector = BoxCloneSyncService<Uri, TokioIo<TcpStream>, BoxError>;

struct Gateway {
    client: Client<Connector, Paced<Body>>,
    upstream: Upstream,
    deadlines: Deadlines,
}

async fn relay(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    let buys = request.method() == Method::POST && request.uri().path() == "/buy";
    gateway
        .exchange(request)
        .await
        .unwrap_or_else(|failure| failure.problem(buys).into_response())
}

impl Gateway {
    async fn exchange(&self, request: Request) -> Result<Response, Failure> {
        let request = self.outgoing(request).map_err(Failure::unsendable)?;
        let answer = timeout(self.deadlines.head, self.client.request(request)).await;
        let (mut answer, body) = answer
            .map_err(|_| Failure::Late)?
            .map_err(Failure::of)?
            .into_parts();
        headers::end_to_end(&mut answer.headers);
        // Version and extensions of the answer belong to the hop behind us.
        let mut response = Response::new(Body::new(Paced::new(body, self.deadlines.stall)));
        *response.status_mut() = answer.status;
        *response.headers_mut() = answer.headers;
        Ok(response)
    }

    fn outgoing(&self, request: Request) -> Result<http::Request<Paced<Body>>, http::Error> {
        let (parts, body) = request.into_parts();
        let root = PathAndQuery::from_static("/");
        let mut outgoing = http::Request::new(Paced::new(body, self.deadlines.stall));
        *outgoing.uri_mut() = self
            .upstream
            .uri(parts.uri.path_and_query().unwrap_or(&root))?;
        *outgoing.method_mut() = parts.method;
        *outgoing.headers_mut() = parts.headers;
        headers::for_upstream(outgoing.headers_mut());
        if let Some(trace) = parts.extensions.get::<TraceParent>() {
            let child = HeaderValue::try_from(trace.child().to_string())?;
            outgoing
                .headers_mut()
                .insert(HeaderName::from_static("traceparent"), child);
        }
        Ok(outgoing)
    }
}

fn client(connect: Duration) -> Client<Connector, Paced<Body>> {
    let mut http = HttpConnector::new();
    http.set_nodelay(true);
    // Around the connector and not inside it, so that the name look-up is included.
    let connector = tower::service_fn(move |uri: Uri| {
        let http = http.clone();
        async move { Ok(timeout(connect, http.oneshot(uri)).await??) }
    });
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
        .build(BoxCloneSyncService::new(connector))
}
