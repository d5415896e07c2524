//! The cap on requests at the same time, and from when on a request counts.
//!
//! It takes its place when it is whole. While a body is still arriving there is nothing to do for it, and clients that send a
//! byte a second would otherwise hold every place at the price of nothing. A body that is longer than most takes its place
//! before: so what arrives without one is bounded by the number of connections.
//!
//! What finds no place is refused at once: a queue here would only add to the time after which it is refused anyway.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::request::hold;
use crate::{BoxError, Problem};

/// Longer than any purchase but one that is made to be long. On all connections that there can be, 64 MiB.
const ARRIVING_BYTES_MAX: u64 = 16 * 1024;

/// The request was whole, and there was no place for it; nobody has looked at it. The error of a body: whoever reads one or
/// passes it on answers [`OverCap::problem`].
#[derive(Debug, thiserror::Error)]
#[error("over MAX_IN_FLIGHT")]
pub struct OverCap;

impl OverCap {
    /// Whoever wanted to change something must know whether it happened, and it did not.
    pub fn problem() -> Problem {
        Self::refusal().member("recorded", "no")
    }

    fn refusal() -> Problem {
        let sentence = "Too many requests are in flight. Try again in a second.";
        Problem::unavailable(sentence, 1).because(Self)
    }
}

/// The layer. Requests that only read have nothing to say in a body, so they count from their head on.
pub(crate) async fn admit(
    State(places): State<Arc<Semaphore>>,
    request: Request,
    next: Next,
) -> Response {
    let place = Arc::new(Place {
        places,
        taken: OnceLock::new(),
    });
    let is_safe = request.method().is_safe();
    let request = if !is_safe && !request.body().is_end_stream() {
        let place = Arc::clone(&place);
        request.map(|body| Body::new(Arriving::new(body, place)))
    } else if place.take() {
        request
    } else if is_safe {
        return OverCap::refusal().into_response();
    } else {
        return OverCap::problem().into_response();
    };
    hold(next.run(request).await, place)
}

/// A place among those that there are, once it is taken.
struct Place {
    places: Arc<Semaphore>,
    taken: OnceLock<OwnedSemaphorePermit>,
}

impl Place {
    /// Whether the request has one.
    fn take(&self) -> bool {
        if self.taken.get().is_some() {
            return true;
        }
        match Arc::clone(&self.places).try_acquire_owned() {
            // A second one would be given back.
            Ok(permit) => self.taken.set(permit).is_ok(),
            Err(_) => false,
        }
    }
}

/// A body whose end needs a place: without one it fails instead of ending, so that nobody takes it for whole.
struct Arriving {
    body: Body,
    bytes: u64,
    place: Arc<Place>,
}

impl Arriving {
    fn new(body: Body, place: Arc<Place>) -> Self {
        Self {
            body,
            bytes: 0,
            place,
        }
    }
}

impl HttpBody for Arriving {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        let frame = ready!(Pin::new(&mut this.body).poll_frame(cx)).transpose()?;
        let data = frame.as_ref().and_then(Frame::data_ref);
        this.bytes += data.map_or(0, |data| data.len() as u64);
        // Of a known length, the end is there with the last byte: it must not be passed on without a place.
        let is_whole = frame.is_none() || this.body.is_end_stream();
        if (is_whole || this.bytes > ARRIVING_BYTES_MAX) && !this.place.take() {
            return Poll::Ready(Some(Err(OverCap.into())));
        }
        Poll::Ready(frame.map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
