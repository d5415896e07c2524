//! RFC 9457 `application/problem+json`, the one shape of every error answer.
//!
//! Invariant: what went wrong inside ([`Problem::because`]) never reaches the client; the request span logs it once.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::BoxError;

/// An error answer. Boxed, so that a `Result` that carries one stays small.
#[derive(Debug)]
pub struct Problem(Box<Inner>);

#[derive(Debug)]
struct Inner {
    wire: Wire,
    status: StatusCode,
    headers: HeaderMap,
    cause: Option<Cause>,
}

#[derive(Debug, Serialize)]
struct Wire {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    error: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Field>,
    #[serde(flatten)]
    members: Map<String, Value>,
}

#[derive(Debug, Serialize)]
struct Field {
    field: String,
    message: String,
}

/// Why a 5xx happened, on its way from the handler to the request span in the response's extensions.
#[derive(Clone, Debug)]
pub(crate) struct Cause(Arc<dyn Error + Send + Sync>);

impl Problem {
    /// `error` is a sentence for the person who calls: what is wrong and, for a 4xx, how to mend it.
    pub fn new(status: StatusCode, error: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            wire: Wire {
                r#type: "about:blank",
                title: status.canonical_reason().unwrap_or("Unknown"),
                status: status.as_u16(),
                error: error.into(),
                errors: Vec::new(),
                members: Map::new(),
            },
            status,
            headers: HeaderMap::new(),
            cause: None,
        }))
    }

    /// 503 with `Retry-After` in seconds.
    pub fn unavailable(error: impl Into<String>, retry_after_s: u32) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, error).header(RETRY_AFTER, retry_after_s.into())
    }

    /// One more entry of `errors`.
    pub fn field(mut self, field: impl Into<String>, message: impl Into<String>) -> Self {
        self.0.wire.errors.push(Field {
            field: field.into(),
            message: message.into(),
        });
        self
    }

    /// An extension member beside the standard ones.
    pub fn member(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.0.wire.members.insert(name.to_owned(), value.into());
        self
    }

    /// A header of the answer; a second value for one name replaces the first.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.insert(name, value);
        self
    }

    /// What really happened, for the log only.
    pub fn because(mut self, cause: impl Into<BoxError>) -> Self {
        self.0.cause = Some(Cause::new(cause));
        self
    }

    pub fn status(&self) -> StatusCode {
        self.0.status
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let inner = *self.0;
        // Strings, numbers and JSON values with string keys: there is nothing here that serialization can refuse.
        let body = serde_json::to_vec(&inner.wire).unwrap_or_default();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = inner.status;
        *response.headers_mut() = inner.headers;
        let json = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(CONTENT_TYPE, json);
        if let Some(cause) = inner.cause {
            response.extensions_mut().insert(cause);
        }
        response
    }
}

impl Cause {
    pub(crate) fn new(cause: impl Into<BoxError>) -> Self {
        Self(Arc::from(cause.into()))
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&chain(self.0.as_ref()))
    }
}

/// An error and its sources in one line.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    std::iter::successors(Some(error), |error| (*error).source())
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}
