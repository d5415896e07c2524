//! The accept loop and its graceful stop.
//!
//! Invariant: whatever a client does or leaves undone, what it holds is bounded in number, bytes and time. HTTP/1.1 only, no
//! TLS: both end at the proxy in front. The caller owns the listener and the stop, so tests own both.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::HeaderValue;
use axum::http::header::CONNECTION;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tower::ServiceExt;
use tracing::{debug, warn};

use crate::body::BodyDeadline;
use crate::pace::{Late, Pace, Paced, Watch};
use crate::request::hold;

/// A request head of more bytes gets 431. The same number bounds hyper's buffers of a connection; that alone is no bound for
/// a head, because a buffer may grow past it by one read.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// How long what a client still sends is read and thrown away after the last answer. Closing with bytes unread makes the
/// kernel reset the connection, and a client that is still sending would never see the 413 or 431 it was sent.
const LINGER: Duration = Duration::from_secs(1);

/// Without this a full table of file descriptors would make the accept loop spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// File descriptors kept for everything that is not a client's connection: log, store, DNS, standard streams.
const DESCRIPTORS_RESERVED: u64 = 128;

/// The deadlines and bounds of a server.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at the same time; one more waits in the kernel's backlog.
    pub connections_max: usize,
    /// From the first byte of a request head to its end.
    pub head: Duration,
    /// From the first look at a request body to its end.
    pub body: Duration,
    /// Between requests of a kept connection, and before its first.
    pub idle: Duration,
    /// For a response of which the client takes nothing.
    pub stall: Duration,
    /// From the stop signal until no more connections are accepted.
    pub drain_delay: Duration,
    /// From then on until the connections that are left are dropped.
    pub drain_max: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self::of_one_among(1)
    }
}

impl Limits {
    /// For each of several servers in one process: they share its file descriptors.
    pub fn of_one_among(servers: usize) -> Self {
        Self {
            // With 8 KiB of buffer each this is 32 MiB; if all send heads of 64 KiB, 256 MiB.
            connections_max: 4_096.min(descriptors() / servers.max(1)),
            // A head is a few packets; no honest client needs this long.
            head: Duration::from_secs(10),
            body: BodyDeadline::DEFAULT.0,
            // Longer than proxies keep a connection (60 to 90 s), so that they close it and not we: a request that crosses
            // our close on the way would be lost.
            idle: Duration::from_secs(120),
            // A client that is out of reach for this long is gone.
            stall: Duration::from_secs(30),
            drain_delay: Duration::ZERO,
            // With 5 s of drain delay before and as long for what is left to do after it, within the 30 s that platforms give.
            drain_max: Duration::from_secs(20),
        }
    }
}

/// Raises the soft limit of file descriptors to the hard one; the low default of most systems is for programs that use
/// `select`.
pub(crate) fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    // Without it there are fewer connections at a time, which the limits below account for.
    let _ = setrlimit(Resource::Nofile, raised);
}

/// The connections that this process can have open, by its soft limit of file descriptors.
fn descriptors() -> usize {
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let free = limit.saturating_sub(DESCRIPTORS_RESERVED).max(16);
    usize::try_from(free).unwrap_or(usize::MAX)
}

/// A listener on `address`. Its backlog takes a burst of connections; the default of 128 would make clients wait for a
/// second and try again.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    const BACKLOG: u32 = 4_096;
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // A restart must not wait for the connections of the process before it.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// How a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Connections that were still open after `drain_max` and were dropped.
    pub dropped: usize,
}

/// On the way to the end of a server.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    /// Still accepting, because some clients have not heard of it yet. Each answer is the last on its connection: those that are
    /// in use end between two requests, and a request never crosses our close on the way.
    Leaving,
    /// Connections that are idle are closed.
    Closing,
}

/// Serves until `shutdown` ends; returns when every connection has ended or `drain_max` has passed.
pub async fn run(
    listener: TcpListener,
    app: Router,
    limits: Limits,
    shutdown: impl Future<Output = ()>,
) -> Drained {
    let slots = Arc::new(Semaphore::new(
        limits.connections_max.min(Semaphore::MAX_PERMITS),
    ));
    let (turn, stage) = watch::channel(Stage::Open);
    let mut connections = JoinSet::new();
    let stop = async {
        shutdown.await;
        turn.send_replace(Stage::Leaving);
        sleep(limits.drain_delay).await;
    };
    tokio::pin!(stop);

    loop {
        tokio::select! {
            biased;
            () = &mut stop => break,
            Some(ended) = connections.join_next() => report(ended),
            (stream, slot) = accept(&listener, &slots) => {
                let connection = serve(stream, app.clone(), limits, stage.clone());
                connections.spawn(async move {
                    connection.await;
                    drop(slot);
                });
            }
        }
    }

    drop(listener);
    turn.send_replace(Stage::Closing);
    let all_ended = async {
        while let Some(ended) = connections.join_next().await {
            report(ended);
        }
    };
    let in_time = timeout(limits.drain_max, all_ended).await.is_ok();
    let dropped = if in_time { 0 } else { connections.len() };
    connections.shutdown().await;
    Drained { dropped }
}

/// A connection and its slot. The slot comes first: a connection over the cap stays in the backlog, where it costs nothing.
async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> (TcpStream, OwnedSemaphorePermit) {
    loop {
        let Ok(slot) = Arc::clone(slots).acquire_owned().await else {
            // Only a closed semaphore refuses, and nobody closes this one.
            std::future::pending().await
        };
        match listener.accept().await {
            Ok((stream, _)) => return (stream, slot),
            Err(error) if is_of_the_client(&error) => {
                debug!(%error, "a connection was gone before it was accepted");
            }
            Err(error) => {
                warn!(%error, "no connection could be accepted");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn is_of_the_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        warn!(%error, "a connection's task failed");
    }
}

/// One connection, from its first byte to its last.
async fn serve(stream: TcpStream, app: Router, limits: Limits, mut stage: watch::Receiver<Stage>) {
    // Answers are written whole; waiting for more to send only delays them. A socket that refuses works all the same.
    let _ = stream.set_nodelay(true);
    let pace = Pace::new(limits);
    let mut io = TokioIo::new(Paced::new(stream, Arc::clone(&pace)));
    let told = stage.clone();
    let service = service_fn(|request: Request<Incoming>| {
        let busy = pace.busy();
        let mut request = request.map(axum::body::Body::new);
        request.extensions_mut().insert(BodyDeadline(limits.body));
        let answer = app.clone().oneshot(request);
        let stage = told.clone();
        async move {
            let mut answer = answer.await.unwrap_or_else(|never| match never {});
            if *stage.borrow() != Stage::Open {
                let close = HeaderValue::from_static("close");
                answer.headers_mut().insert(CONNECTION, close);
            }
            Ok::<_, Infallible>(hold(answer, busy))
        }
    });

    let ended = {
        let connection = http1::Builder::new()
            .header_read_timeout(None)
            .max_header_size(HEAD_BYTES_MAX)
            .max_buf_size(HEAD_BYTES_MAX)
            .serve_connection(&mut io, service);
        tokio::pin!(connection);
        let mut late = Watch::new(Arc::clone(&pace));
        let mut closing = false;
        loop {
            // In this order: a request that has arrived is answered rather than closed upon, and `late` sees its phase.
            tokio::select! {
                biased;
                result = connection.as_mut() => break Ended::of(result),
                _ = stage.wait_for(|stage| *stage == Stage::Closing), if !closing => {
                    closing = true;
                    connection.as_mut().graceful_shutdown();
                }
                late = &mut late => break Ended::Late(late),
            }
        }
    };
    finish(io.into_inner().inner, ended).await;
}

enum Ended {
    /// By the protocol, or by an answer to what was no HTTP.
    Orderly,
    Late(Late),
    /// In the middle of a response body.
    Broken,
}

impl Ended {
    fn of(result: hyper::Result<()>) -> Self {
        match result {
            Err(error) if error.is_user() => Self::Broken,
            Err(error) => {
                debug!(%error, "connection ended");
                Self::Orderly
            }
            Ok(()) => Self::Orderly,
        }
    }
}

async fn finish(mut stream: TcpStream, ended: Ended) {
    match ended {
        Ended::Orderly => {
            let mut nowhere = tokio::io::sink();
            let _ = timeout(LINGER, tokio::io::copy(&mut stream, &mut nowhere)).await;
        }
        Ended::Late(late @ (Late::Idle | Late::Head)) => debug!(?late, "connection closed"),
        // A reset, so that no client takes what it got for the whole (an HTTP/1.0 body ends with the connection), and the
        // kernel does not keep what nobody fetches. If it cannot be set, the missing last chunk still tells.
        Ended::Late(Late::Stall) | Ended::Broken => {
            let _ = stream.set_zero_linger();
        }
    }
}
