//! The request body, bounded in bytes and in time.

use std::pin::pin;
use std::time::Duration;

use axum::extract::{FromRequest, Request};
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, StatusCode};
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body as HttpBody;
use tokio::time::timeout;

use crate::{OverCap, Problem, is_caused_by};

/// The whole request body, at most `MAX` bytes.
///
/// Refuses with 413 a body that is longer (by its `Content-Length` before a byte is read), with 408 one that takes longer
/// than [`Limits::body`](crate::Limits), with 400 one that breaks off, with 503 one that is over the cap. A 413 or 408 closes the connection: the rest of the
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
        match timeout(deadline, gather(Limited::new(body, MAX))).await {
            Ok(Ok(whole)) => Ok(Self(whole)),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large(MAX)),
            Ok(Err(error)) if is_caused_by::<OverCap>(error.as_ref()) => Err(OverCap::problem()),
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

/// The data of all frames in one piece. No frame but the first is kept: each has a buffer and a handle of its own, and a
/// client may send a body as chunks of one byte, of which a megabyte would hold a hundred.
async fn gather<B: HttpBody<Data = Bytes>>(body: B) -> Result<Bytes, B::Error> {
    let mut body = pin!(body);
    let mut first = Bytes::new();
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else {
            continue;
        };
        if first.is_empty() && whole.is_empty() {
            first = data;
        } else {
            whole.extend_from_slice(&std::mem::take(&mut first));
            whole.extend_from_slice(&data);
        }
    }
    Ok(if whole.is_empty() {
        first
    } else {
        whole.freeze()
    })
}

fn too_large(max: usize) -> Problem {
    let error = format!("The request body is larger than {max} bytes.");
    closing(StatusCode::PAYLOAD_TOO_LARGE, error)
}

fn closing(status: StatusCode, error: String) -> Problem {
    Problem::new(status, error).header(CONNECTION, HeaderValue::from_static("close"))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::stream;
    use http_body_util::StreamBody;
    use hyper::body::Frame;

    use super::*;

    /// A byte that counts how many of its kind are alive.
    struct Counted(Arc<AtomicUsize>);

    impl AsRef<[u8]> for Counted {
        fn as_ref(&self) -> &[u8] {
            b"x"
        }
    }

    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::SeqCst);
        }
    }

    #[tokio::test]
    async fn a_body_of_many_frames_keeps_none_of_them() {
        const FRAMES: usize = 1_000;
        let (alive, most) = (Arc::new(AtomicUsize::new(0)), AtomicUsize::new(0));
        let frames = stream::iter((0..FRAMES).map(|_| {
            most.fetch_max(alive.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            let data = Bytes::from_owner(Counted(Arc::clone(&alive)));
            Ok::<_, Infallible>(Frame::data(data))
        }));
        let whole = gather(StreamBody::new(frames)).await.unwrap();
        assert_eq!(whole, "x".repeat(FRAMES));
        // The first is kept until a second one comes.
        assert_eq!(most.into_inner(), 2);
    }

    #[tokio::test]
    async fn a_body_of_one_frame_is_not_copied() {
        let data = Bytes::from_static(b"whole");
        let frame = Ok::<_, Infallible>(Frame::data(data.clone()));
        let whole = gather(StreamBody::new(stream::iter([frame])))
            .await
            .unwrap();
        assert_eq!(whole.as_ptr(), data.as_ptr());
    }
}
