//! A server on a port of its own and a client that speaks raw HTTP, so that it can misbehave.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file is a crate and uses its own part"
)]

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use serve::{Drained, Limits, run};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Longer than anything here takes, even on a busy machine; shorter than a person's patience.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// No deadline of the server's strikes unless a test shortens it.
pub fn patient() -> Limits {
    let long = Duration::from_secs(60);
    Limits {
        connections_max: 1_000,
        head: long,
        body: long,
        idle: long,
        stall: long,
        drain_delay: Duration::ZERO,
        drain_max: long,
    }
}

pub struct Server {
    pub address: SocketAddr,
    stop: oneshot::Sender<()>,
    running: JoinHandle<Drained>,
}

impl Server {
    pub async fn start(app: Router, limits: Limits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(run(listener, app, limits, async {
            let _ = stopped.await;
        }));
        Self {
            address,
            stop,
            running,
        }
    }

    pub async fn client(&self) -> Client {
        let stream = TcpStream::connect(self.address).await.unwrap();
        Client {
            stream,
            read: Vec::new(),
        }
    }

    /// One request on a connection of its own.
    pub async fn ask(&self, request: &str) -> Answer {
        let mut client = self.client().await;
        client.send(request).await;
        client.answer().await
    }

    pub fn stop(self) -> JoinHandle<Drained> {
        self.stop.send(()).unwrap();
        self.running
    }
}

/// Polls `done` until it holds.
pub async fn eventually(mut done: impl AsyncFnMut() -> bool) {
    let polling = async {
        while !done().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, polling).await.expect("it never happened");
}

pub struct Client {
    pub stream: TcpStream,
    read: Vec<u8>,
}

pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Client {
    pub async fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.unwrap();
    }

    /// The next answer, which must have a `Content-Length`.
    pub async fn answer(&mut self) -> Answer {
        let head = self.read_through(b"\r\n\r\n").await;
        let status = head[9..12].parse().unwrap();
        let lower = head.to_lowercase();
        let length = lower
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .map_or(0, |length| length.parse().unwrap());
        while self.read.len() < length {
            assert!(self.more().await > 0, "the answer ended early");
        }
        let body = self.read.drain(..length).collect();
        Answer {
            status,
            head: lower,
            body: String::from_utf8(body).unwrap(),
        }
    }

    pub async fn read_through(&mut self, end: &[u8]) -> String {
        loop {
            let found = self
                .read
                .windows(end.len())
                .position(|window| window == end);
            if let Some(at) = found {
                let text = self.read.drain(..at + end.len()).collect();
                return String::from_utf8(text).unwrap();
            }
            assert!(self.more().await > 0, "the connection was closed");
        }
    }

    /// All until the server closes.
    pub async fn closed(&mut self) -> std::io::Result<Vec<u8>> {
        let mut rest = std::mem::take(&mut self.read);
        timeout(PATIENCE, self.stream.read_to_end(&mut rest))
            .await
            .expect("the connection stays open")?;
        Ok(rest)
    }

    async fn more(&mut self) -> usize {
        let read = self.stream.read_buf(&mut self.read);
        timeout(PATIENCE, read).await.expect("no answer").unwrap()
    }
}
