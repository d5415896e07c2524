//! The request body, bounded in bytes and in time.

use std::time::Duration;

use axum::extract::{FromRequest, Request};
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, StatusCode};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body as _;
use tokio::time::timeout;

use crate::Problem;

/// The whole request body, at most `MAX` bytes.
///
/// Refuses with 413 a body that is longer (by its `Content-Length` before a byte is read), with 408 one that takes longer
/// than [`Limits::body`](crate::Limits), with 400 one that breaks off. A 413 or 408 closes the connection: the rest of the
/// body is of no use to anybody.
#[derive(Debug)]
pub struct Body<const MAX: usize>(pub Bytes);

/// How long a body may take; a host puts its own into the request's extensions, and whoever hands a request on to another
/// router hands it on too.
#[derive(Clone, Copy, Debug)]
pub struct BodyDeadline(pub(crate) Duration);

impl BodyDeadline {
    /// 2 MiB, the largest body of any function, pass in this time at 1.7 Mbit/s.
    pub(crate) const DEFAULT: Self = Self(Duration::from_secs(10));
}

impl<S: Sync, const MAX: usize> FromRequest<S> for Body<MAX> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let deadline = request.extensions().get::<BodyDeadline>().copied();
        let deadline = deadline.unwrap_or(BodyDeadline::DEFAULT).0;
        let body = request.into_body();
        if body.size_hint().lower() > MAX as u64 {
            return Err(too_large(MAX));
        }
        match timeout(deadline, Limited::new(body, MAX).collect()).await {
            Ok(Ok(whole)) => Ok(Self(whole.to_bytes())),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large(MAX)),
            Ok(Err(error)) => Err(Problem::new(
                StatusCode::BAD_REQUEST,
                "The request body broke off. Send it again.",
            )
            .because(error)),
            Err(_) => Err(closing(
                StatusCode::REQUEST_TIMEOUT,
                format!(
                    "The request body did not arrive within {} ms. Send all of it at once, or try again.",
                    deadline.as_millis()
                ),
            )),
        }
    }
}

fn too_large(max: usize) -> Problem {
    let error = format!("The request body is larger than {max} bytes.");
    closing(StatusCode::PAYLOAD_TOO_LARGE, error)
}

fn closing(status: StatusCode, error: String) -> Problem {
    Problem::new(status, error).header(CONNECTION, HeaderValue::from_static("close"))
}
