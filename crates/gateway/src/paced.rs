//! A body that may be slow but not silent.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::BoxError;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

/// Passes a body on and fails when its sender gives nothing for `limit`.
///
/// The time runs only while this side waits for the sender: a receiver that takes nothing for a while is no fault of the
/// sender. Failing, and never ending, is what makes the receiver see that bytes are missing.
pub(crate) struct Paced<B> {
    inner: B,
    limit: Duration,
    silence: Option<Pin<Box<Sleep>>>,
}

/// The sender of a body gave nothing for too long.
#[derive(Debug, thiserror::Error)]
#[error("a body gave nothing for {} ms", .0.as_millis())]
pub(crate) struct Stalled(Duration);

/// The sender of a body broke it off.
#[derive(Debug, thiserror::Error)]
#[error("a body broke off")]
pub(crate) struct Broken(#[source] BoxError);

impl<B> Paced<B> {
    pub(crate) fn new(inner: B, limit: Duration) -> Self {
        Self {
            inner,
            limit,
            silence: None,
        }
    }
}

impl<B> Body for Paced<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        if let Poll::Ready(frame) = Pin::new(&mut this.inner).poll_frame(cx) {
            this.silence = None;
            return Poll::Ready(
                frame.map(|frame| frame.map_err(|error| Broken(error.into()).into())),
            );
        }
        let silence = this
            .silence
            .get_or_insert_with(|| Box::pin(sleep(this.limit)));
        ready!(silence.as_mut().poll(cx));
        Poll::Ready(Some(Err(Stalled(this.limit).into())))
    }

    // Both are the sender's: a known length stays a Content-Length, and an absent body stays absent.
    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
