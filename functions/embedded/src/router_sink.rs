//! storer's router as the sink of the delivery: the same requests that the KafkaSource sends, without a network.

use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use cloudevents::Event;
use delivery::{Sink, SinkError};
use http::Response;
use http_body_util::{BodyExt as _, Limited};
use purchase::event::http::binary_request;
use tower::ServiceExt as _;

/// Longer than storer's own deadline, so that its answer is heard.
const DEADLINE: Duration = Duration::from_secs(30);
/// A problem is a few hundred bytes; only its beginning is kept anyway.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

pub(crate) struct RouterSink(pub(crate) Router);

#[async_trait]
impl Sink for RouterSink {
    async fn post(&self, event: &Event) -> Result<Response<Bytes>, SinkError> {
        let request = binary_request(event).map(Body::from);
        let exchange = async {
            let answer = self
                .0
                .clone()
                .oneshot(request)
                .await
                .unwrap_or_else(|never| match never {});
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, ANSWER_BYTES_MAX)
                .collect()
                .await
                .map_err(SinkError)?;
            Ok(Response::from_parts(head, body.to_bytes()))
        };
        tokio::time::timeout(DEADLINE, exchange)
            .await
            .unwrap_or_else(|elapsed| Err(SinkError(elapsed.into())))
    }
}
