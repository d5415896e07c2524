//! Clients that are slow in one of three ways, and how each was closed.

use std::net::SocketAddr;
use std::time::Duration;

use e2e::Program;
use socket2::{Domain, Socket, Type};
use testkit::{eventually, raw};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::{READ, Target};

/// Between two bytes.
const TRICKLE: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Head,
    Body,
    Read,
}

/// All slow clients of one function; they leave with this.
pub(super) struct Attack(JoinSet<Closed>);

#[derive(Debug)]
pub(super) struct Closed {
    pub(super) kind: Kind,
    pub(super) after: Duration,
    pub(super) answer: Option<u16>,
}

impl Attack {
    /// How each of them was closed.
    pub(super) async fn ended(mut self) -> Vec<Closed> {
        let mut ended = Vec::new();
        let all = async {
            while let Some(closed) = self.0.join_next().await {
                ended.push(closed.unwrap());
            }
        };
        // Those that are left are missed in the count.
        let _ = timeout(READ[1] + TRICKLE, all).await;
        ended
    }
}

/// Begins at all functions, and returns when each has done what it can do for the slow ones: the work of a thousand requests
/// is no matter of their being slow. Those that take nothing come first, because they are given the most time.
pub(super) async fn attack(targets: &[Target<'_>]) -> Vec<Attack> {
    let mut attacks: Vec<_> = targets.iter().map(|_| Attack(JoinSet::new())).collect();
    let mut connections = vec![0; targets.len()];
    for kinds in [&[Kind::Read][..], &[Kind::Head, Kind::Body]] {
        for ((target, attack), connections) in
            targets.iter().zip(&mut attacks).zip(&mut connections)
        {
            for (kind, count) in target
                .slow
                .into_iter()
                .filter(|(kind, _)| kinds.contains(kind))
            {
                *connections += count;
                for _ in 0..count {
                    let (address, request) =
                        (target.program.address(), slow_request(target.name, kind));
                    attack
                        .0
                        .spawn(async move { slow_client(address, kind, request).await });
                }
            }
        }
        for (target, connections) in targets.iter().zip(&connections) {
            eventually("all slow connections", async || {
                (target.program.open_files() >= *connections).then_some(())
            })
            .await;
            idle(target.program).await;
        }
    }
    attacks
}

/// Waits until a program has nothing to do.
async fn idle(program: &Program) {
    const LOOK: Duration = Duration::from_millis(100);
    /// A tenth of a processor.
    const TICKS_MAX: u64 = 1;
    eventually("an idle function", async || {
        let ticks = program.cpu_ticks();
        sleep(LOOK).await;
        (program.cpu_ticks() - ticks <= TICKS_MAX).then_some(())
    })
    .await;
}

fn slow_request(name: &str, kind: Kind) -> Vec<u8> {
    let json = "Content-Type: application/json";
    match (kind, name) {
        (Kind::Head, _) => b"GET /health HTTP/1.1\r\nHost: shop.example\r\nX-Slow: ".to_vec(),
        (Kind::Body, "storer") => raw::head("POST /purchases", &[json, "Content-Length: 100"]),
        (Kind::Body, _) => raw::head("POST /buy", &[json, "Content-Length: 100"]),
        // It has no long answer, but many at once.
        (Kind::Read, "storer") => {
            b"GET /metrics HTTP/1.1\r\nHost: shop.example\r\n\r\n".repeat(200)
        }
        (Kind::Read, _) => raw::head("GET /getAllUserBuys/rich", &[]),
    }
}

async fn slow_client(address: SocketAddr, kind: Kind, request: Vec<u8>) -> Closed {
    let mut stream = narrow(address).await;
    let begun = Instant::now();
    let _ = stream.write_all(&request).await;
    let answer = match kind {
        Kind::Read => taking_nothing(&stream).await,
        Kind::Head | Kind::Body => trickling(stream).await,
    };
    Closed {
        kind,
        after: begun.elapsed(),
        answer,
    }
}

/// A connection as over a network: through 127.0.0.1 a server could say megabytes before it notices that nobody listens.
async fn narrow(address: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    socket.set_tcp_mss(1_400).unwrap();
    TcpSocket::from_std_stream(socket.into())
        .connect(address)
        .await
        .unwrap()
}

async fn taking_nothing(stream: &TcpStream) -> Option<u16> {
    // It is reset: whoever is that slow would take what was sent for the whole.
    while !matches!(stream.take_error(), Ok(Some(_))) {
        sleep(TRICKLE / 8).await;
    }
    None
}

async fn trickling(stream: TcpStream) -> Option<u16> {
    let (mut reading, mut writing) = stream.into_split();
    let mut answer = Vec::new();
    loop {
        tokio::select! {
            read = reading.read_buf(&mut answer) => if !matches!(read, Ok(1..)) { break },
            () = sleep(TRICKLE) => if writing.write_all(b" ").await.is_err() { break },
        }
    }
    (!answer.is_empty()).then(|| raw::status(&answer))
}
