//! Real servers on free ports and a client that sees and sends exact bytes: HTTP libraries tidy up what these tests are about.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use ::gateway::{Deadlines, Upstream, forward};
use axum::Router;
use serve::{App, Limits};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(10);

/// A server for `app` that ends with the test.
pub(crate) async fn start(app: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve::run(
        listener,
        app,
        Limits::default(),
        std::future::pending(),
    ));
    address
}

/// The frontend in front of `upstream` for both routes.
pub(crate) async fn gateway(upstream: SocketAddr, deadlines: Deadlines) -> SocketAddr {
    let upstream: Upstream = format!("http://{upstream}").parse().unwrap();
    let routes = frontend::routes(
        forward(upstream.clone(), deadlines),
        forward(upstream, deadlines),
    );
    start(App::new("frontend", frontend::HINT, routes).build()).await
}

/// The frontend in front of a server for `app`.
pub(crate) async fn gateway_to(app: Router) -> SocketAddr {
    gateway(start(app).await, Deadlines::default()).await
}

/// A port on which nobody listens.
pub(crate) async fn dead() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap()
}

pub(crate) struct Connection(TcpStream, Vec<u8>);

impl Connection {
    pub(crate) async fn open(address: SocketAddr, request: &str) -> Self {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        Self(stream, Vec::new())
    }

    pub(crate) async fn send(&mut self, bytes: &str) {
        self.0.write_all(bytes.as_bytes()).await.unwrap();
    }

    /// Everything received so far, as soon as it contains `text`.
    pub(crate) async fn until(&mut self, text: &str) -> String {
        timeout(PATIENCE, async {
            loop {
                let received = String::from_utf8_lossy(&self.1).into_owned();
                if received.contains(text) {
                    return received;
                }
                let count = self.0.read_buf(&mut self.1).await.unwrap();
                assert_ne!(count, 0, "ended before {text:?}: {received}");
            }
        })
        .await
        .unwrap_or_else(|_| panic!("{text:?} did not arrive"))
    }

    /// Everything received until the other side closed or reset the connection.
    pub(crate) async fn end(mut self) -> Answer {
        self.drain().await;
        Answer::parse(&self.1)
    }

    /// How the connection failed, if it did not end in order.
    pub(crate) async fn reset(mut self) -> Option<ErrorKind> {
        self.drain().await
    }

    async fn drain(&mut self) -> Option<ErrorKind> {
        let end = async {
            loop {
                match self.0.read_buf(&mut self.1).await {
                    Ok(0) => return None,
                    Ok(_) => {}
                    Err(error) => return Some(error.kind()),
                }
            }
        };
        timeout(PATIENCE, end)
            .await
            .expect("the connection should end")
    }
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    /// As on the wire, chunk sizes included.
    pub(crate) body: String,
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    fn parse(received: &[u8]) -> Self {
        let end = received.windows(4).position(|end| end == b"\r\n\r\n");
        let (head, body) =
            received.split_at(end.unwrap_or_else(|| panic!("no head in {received:?}")));
        let (head, bytes) = (String::from_utf8_lossy(head), body[4..].to_vec());
        let mut lines = head.lines();
        let status = lines
            .next()
            .unwrap()
            .split(' ')
            .nth(1)
            .unwrap()
            .parse()
            .unwrap();
        let header = |line: &str| {
            line.split_once(": ")
                .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        };
        Self {
            status,
            headers: lines.filter_map(header).collect(),
            body: String::from_utf8_lossy(&bytes).into_owned(),
            bytes,
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(one, _)| one == name)
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn problem(&self) -> serde_json::Value {
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{self:?}"
        );
        serde_json::from_str(&self.body).unwrap()
    }
}

/// One request on a connection of its own; `head` is the request line and headers without `Host`.
pub(crate) async fn ask(address: SocketAddr, head: &str, body: &str) -> Answer {
    let head = head.replace('\n', "\r\n");
    let request = format!("{head}\r\nHost: shop.example\r\nConnection: close\r\n\r\n{body}");
    Connection::open(address, &request).await.end().await
}

pub(crate) async fn get(address: SocketAddr, target: &str) -> Answer {
    ask(address, &format!("GET {target} HTTP/1.1"), "").await
}

pub(crate) async fn buy(address: SocketAddr) -> Answer {
    ask(
        address,
        "POST /buy HTTP/1.1\nContent-Type: application/json\nContent-Length: 2",
        "{}",
    )
    .await
}
