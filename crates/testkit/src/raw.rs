//! A client that sends bytes as they are and shows the answer as it came: for what no well-behaved client would send.

use std::fmt::Write as _;
use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::PATIENCE;

/// Sends `request` and gives everything that comes until the server closes. The request should say `Connection: close`.
pub async fn exchange(address: SocketAddr, request: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // A server that refuses early may close while we are still sending; its answer is what counts.
    let _ = stream.write_all(request).await;
    let mut answer = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    assert!(read.is_ok(), "no end of the answer within {PATIENCE:?}");
    answer
}

/// The answer as a snapshot can hold it: status, headers sorted, body; without the date and how long it took.
#[must_use]
pub fn show(answer: &[u8]) -> String {
    let text = String::from_utf8_lossy(answer);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let mut lines = head.lines();
    let status = lines
        .next()
        .unwrap_or("(connection closed without an answer)");
    let mut headers: Vec<_> = lines
        .filter(|line| {
            let line = line.to_ascii_lowercase();
            !line.starts_with("date:") && !line.starts_with("server-timing:")
        })
        .collect();
    headers.sort_unstable();
    format!("{status}\n{}\n\n{body}", headers.join("\n"))
        .trim_end()
        .to_owned()
}

/// A request with a body of known length.
#[must_use]
pub fn request(line: &str, headers: &[&str], body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let length = format!("Content-Length: {}", body.len());
    let mut request = head(line, &[headers, &[&length]].concat());
    request.extend_from_slice(body);
    request
}

/// The same without a word about a body.
#[must_use]
pub fn head(line: &str, headers: &[&str]) -> Vec<u8> {
    let mut head = format!("{line} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n");
    for header in headers {
        write!(head, "{header}\r\n").unwrap();
    }
    head.push_str("\r\n");
    head.into_bytes()
}

/// The status of an answer.
#[must_use]
pub fn status(answer: &[u8]) -> u16 {
    let text = String::from_utf8_lossy(answer);
    let status = text.split(' ').nth(1).expect("a status line");
    status.parse().unwrap()
}

/// The JSON body of an answer.
#[must_use]
pub fn body(answer: &[u8]) -> Value {
    let text = String::from_utf8_lossy(answer);
    let (_, body) = text.split_once("\r\n\r\n").expect("the end of the head");
    serde_json::from_str(body).expect(&text)
}

/// The first header of that name.
#[must_use]
pub fn header(answer: &[u8], name: &str) -> Option<String> {
    let text = String::from_utf8_lossy(answer);
    let (head, _) = text.split_once("\r\n\r\n").expect("the end of the head");
    head.lines().find_map(|line| {
        let (found, value) = line.split_once(": ")?;
        found.eq_ignore_ascii_case(name).then(|| value.to_owned())
    })
}

/// Requests and their answers, one after the other, for people to read.
#[derive(Debug, Default)]
pub struct Catalogue(pub String);

impl Catalogue {
    pub fn add(&mut self, title: &str, answer: &[u8]) {
        let title: String = title.chars().take(110).collect();
        write!(self.0, "=== {title}\n{}\n\n", show(answer)).unwrap();
    }
}
