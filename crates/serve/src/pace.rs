//! How long a connection may stand still, by what it is doing.
//!
//! hyper's own header timeout starts when a connection falls idle, so it cannot be short for a head that trickles in and
//! long for a connection that is merely kept. So the socket is wrapped: [`Paced`] tells [`Pace`] what happens on it, and
//! [`Watch`], polled by the connection's task after the connection, ends when it took too long.
//!
//! It does not time handlers and request bodies: those have deadlines of their own. Of a head that was pipelined behind
//! another request the first bytes may be read before that is answered; such a head has the idle time until its next byte.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::Limits;

/// What a connection took too long for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Late {
    /// Waiting for a request.
    Idle,
    /// Sending a request head.
    Head,
    /// Taking a response.
    Stall,
}

/// The clock of one connection.
#[derive(Debug)]
pub(crate) struct Pace {
    limits: Limits,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    since: Instant,
    /// When the client last stopped taking bytes.
    blocked: Option<Instant>,
}

#[derive(Debug, PartialEq, Eq)]
enum Phase {
    Idle,
    Head,
    /// From the call of the service to the end of the response body.
    Busy,
}

impl Pace {
    pub(crate) fn new(limits: Limits) -> Arc<Self> {
        let state = State {
            // A client that connects has something to say; only between requests may a connection be quiet for long.
            phase: Phase::Head,
            since: Instant::now(),
            blocked: None,
        };
        Arc::new(Self {
            limits,
            state: Mutex::new(state),
        })
    }

    /// A request is being answered until the guard is dropped.
    pub(crate) fn busy(self: &Arc<Self>) -> Busy {
        self.state().phase = Phase::Busy;
        Busy(Arc::clone(self))
    }

    /// When the connection will be late, and for what.
    fn deadline(&self) -> Option<(Instant, Late)> {
        let state = self.state();
        let waiting = match state.phase {
            Phase::Idle => Some((state.since + self.limits.idle, Late::Idle)),
            Phase::Head => Some((state.since + self.limits.head, Late::Head)),
            Phase::Busy => None,
        };
        let writing = state
            .blocked
            .map(|since| (since + self.limits.stall, Late::Stall));
        waiting.into_iter().chain(writing).min_by_key(|(at, _)| *at)
    }

    fn has_read(&self) {
        let mut state = self.state();
        if state.phase == Phase::Idle {
            state.phase = Phase::Head;
            state.since = Instant::now();
        }
    }

    fn has_written(&self, taken: bool) {
        let blocked = &mut self.state().blocked;
        if taken {
            *blocked = None;
        } else {
            blocked.get_or_insert_with(Instant::now);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Held by a response body.
#[derive(Debug)]
pub(crate) struct Busy(Arc<Pace>);

impl Drop for Busy {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.phase = Phase::Idle;
        state.since = Instant::now();
    }
}

/// Ends when the connection is late. It has no waker for changes of the phase, and needs none: they happen while the same
/// task polls the connection, so it must be polled after the connection each time.
pub(crate) struct Watch {
    pace: Arc<Pace>,
    sleep: Pin<Box<Sleep>>,
}

impl Watch {
    pub(crate) fn new(pace: Arc<Pace>) -> Self {
        let sleep = Box::pin(sleep_until(Instant::now()));
        Self { pace, sleep }
    }
}

impl Future for Watch {
    type Output = Late;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Late> {
        let Some((at, late)) = self.pace.deadline() else {
            return Poll::Pending;
        };
        if self.sleep.deadline() != at {
            self.sleep.as_mut().reset(at);
        }
        self.sleep.as_mut().poll(cx).map(|()| late)
    }
}

/// A socket that tells its pace.
pub(crate) struct Paced<S> {
    pub(crate) inner: S,
    pace: Arc<Pace>,
}

impl<S> Paced<S> {
    pub(crate) fn new(inner: S, pace: Arc<Pace>) -> Self {
        Self { inner, pace }
    }

    fn told(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        self.pace.has_written(written.is_ready());
        written
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = ready!(Pin::new(&mut self.inner).poll_read(cx, buf));
        if buf.filled().len() > before {
            self.pace.has_read();
        }
        Poll::Ready(read)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.told(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.told(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
