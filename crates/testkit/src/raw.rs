//! A client that sends bytes as they are and shows the answer as it came: for what no well-behaved client would send.

use std::net::SocketAddr;

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

/// The answer as a snapshot can hold it: status, headers sorted, body; without the date.
#[must_use]
pub fn show(answer: &[u8]) -> String {
    let text = String::from_utf8_lossy(answer);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let mut lines = head.lines();
    let status = lines
        .next()
        .unwrap_or("(connection closed without an answer)");
    let mut headers: Vec<_> = lines
        .filter(|line| !line.to_ascii_lowercase().starts_with("date:"))
        .collect();
    headers.sort_unstable();
    format!("{status}\n{}\n\n{body}", headers.join("\n"))
        .trim_end()
        .to_owned()
}
