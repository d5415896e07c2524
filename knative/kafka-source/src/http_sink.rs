//! The HTTP client: one event to a request, connections kept, nothing followed, a deadline on everything.
//!
//! hyper's client rather than reqwest, whose `Url` rewrites paths; it also uses no proxy of the environment.

use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use cloudevents::Event;
use delivery::{ANSWER_BYTES_MAX, Sink, SinkError};
use http::header::{HeaderName, HeaderValue, LOCATION, USER_AGENT};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use kafka_log::record::Record;
use serve::TraceParent;
use thiserror::Error;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::address::Address;
use crate::wire;

/// Both as the real client has them.
const CONNECT_MAX: Duration = Duration::from_secs(60);
const IDLE_MAX: Duration = Duration::from_secs(60);
const CONNECTIONS_MAX: usize = 100;

/// What is read of an answer so that its connection can be used again; longer ones cost a new connection.
const DRAINED_BYTES_MAX: usize = 64 * 1024;

const PREFER: HeaderName = HeaderName::from_static("prefer");
const NAMESPACE: HeaderName = HeaderName::from_static("kn-namespace");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Connections to sinks, and what every request says of the KafkaSource.
pub(crate) struct HttpClient {
    client: Client<HttpConnector, Full<Bytes>>,
    namespace: HeaderValue,
    timeout: Duration,
    /// Requests whose answers are awaited.
    exchanges: watch::Sender<usize>,
}

#[derive(Debug, Error)]
#[error("no answer within {0:?}")]
struct Late(Duration);

/// The trace that a record belongs to, by its Kafka headers; the attribute `traceparent` of the event has no part in it.
pub(crate) struct Trace {
    parent: TraceParent,
    state: Option<HeaderValue>,
}

impl Trace {
    pub(crate) fn of(record: &Record) -> Option<Self> {
        let header = |name: &str| {
            let first = record
                .headers
                .iter()
                .find(|(key, _)| key.eq_ignore_ascii_case(name));
            first.and_then(|(_, value)| value.as_deref())
        };
        let parent = std::str::from_utf8(header("traceparent")?)
            .ok()?
            .parse()
            .ok()?;
        let state = header("tracestate").and_then(|state| HeaderValue::from_bytes(state).ok());
        Some(Self { parent, state })
    }
}

impl HttpClient {
    pub(crate) fn new(namespace: HeaderValue, timeout: Duration) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT_MAX));
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_MAX)
            .pool_max_idle_per_host(CONNECTIONS_MAX)
            .build(connector);
        Self {
            client,
            namespace,
            timeout,
            exchanges: watch::Sender::new(0),
        }
    }

    /// Resolves when no answer is awaited.
    pub(crate) async fn idle(&self) {
        // The sender is here, so it does not fail.
        let _ = self
            .exchanges
            .subscribe()
            .wait_for(|exchanges| *exchanges == 0)
            .await;
    }

    /// The sink at an address, for the events of one record.
    pub(crate) fn sink<'a>(
        &'a self,
        address: &'a Address,
        trace: Option<&'a Trace>,
    ) -> HttpSink<'a> {
        HttpSink {
            client: self,
            address,
            trace,
        }
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, SinkError> {
        let _counted = Counted::new(&self.exchanges);
        let exchange = async {
            let answer = self
                .client
                .request(request)
                .await
                .map_err(|error| SinkError(error.into()))?;
            let (head, mut body) = answer.into_parts();
            let (mut kept, mut read) = (BytesMut::new(), 0);
            while let Some(frame) = body.frame().await {
                let Ok(data) = frame.map_err(|error| SinkError(error.into()))?.into_data() else {
                    continue;
                };
                read += data.len();
                let room = ANSWER_BYTES_MAX - kept.len();
                kept.extend_from_slice(&data[..data.len().min(room)]);
                if read > DRAINED_BYTES_MAX {
                    break;
                }
            }
            Ok(Response::from_parts(head, kept.freeze()))
        };
        let late = |_| Err(SinkError(Late(self.timeout).into()));
        timeout(self.timeout, exchange).await.unwrap_or_else(late)
    }
}

/// Counted until it is dropped, however that happens.
struct Counted<'a>(&'a watch::Sender<usize>);

impl<'a> Counted<'a> {
    fn new(number: &'a watch::Sender<usize>) -> Self {
        number.send_modify(|number| *number += 1);
        Self(number)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|number| *number -= 1);
    }
}

/// A sink of events over HTTP.
pub(crate) struct HttpSink<'a> {
    client: &'a HttpClient,
    address: &'a Address,
    trace: Option<&'a Trace>,
}

#[async_trait]
impl Sink for HttpSink<'_> {
    async fn post(&self, event: &Event) -> Result<Response<Bytes>, SinkError> {
        let answer = self.client.exchange(self.request(event)?).await?;
        if answer.status() == StatusCode::SEE_OTHER && answer.headers().contains_key(LOCATION) {
            tracing::warn!(
                sink = self.address.without_query(),
                "a sink answers 303, which the real KafkaSource follows with GET"
            );
        }
        Ok(answer)
    }
}

impl HttpSink<'_> {
    fn request(&self, event: &Event) -> Result<Request<Full<Bytes>>, SinkError> {
        let mut request = Request::new(Full::new(wire::body(event)));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.address.uri().clone();
        *request.headers_mut() = wire::headers(event).map_err(|error| SinkError(error.into()))?;
        let headers = request.headers_mut();
        headers.insert(
            USER_AGENT,
            HeaderValue::from_static("kafka-source-stand-in"),
        );
        headers.insert(PREFER, HeaderValue::from_static("reply"));
        headers.insert(NAMESPACE, self.client.namespace.clone());
        if let Some(trace) = self.trace
            && let Ok(parent) = HeaderValue::try_from(trace.parent.child().to_string())
        {
            headers.insert(TRACEPARENT, parent);
            if let Some(state) = &trace.state {
                headers.insert(TRACESTATE, state.clone());
            }
        }
        Ok(request)
    }
}
