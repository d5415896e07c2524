//! Bytes as they are, for what no client of ours would send.

use std::net::SocketAddr;
use std::time::Duration;

use testkit::PATIENCE;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

/// A server that has answered and says nothing for so long has nothing more to say.
const QUIET: Duration = Duration::from_millis(250);

/// What came back on one connection.
#[derive(Debug, Default)]
pub(super) struct Heard {
    pub(super) bytes: Vec<u8>,
    /// By the server.
    pub(super) closed: bool,
    /// Until the first byte of an answer.
    pub(super) took: Option<Duration>,
}

impl Heard {
    /// Of every answer, in order.
    pub(super) fn statuses(&self) -> Vec<u16> {
        let text = String::from_utf8_lossy(&self.bytes);
        let answers = text.split("HTTP/1.").skip(1);
        answers
            .filter_map(|answer| answer.get(2..5)?.parse().ok())
            .collect()
    }

    pub(super) fn status(&self) -> Option<u16> {
        self.statuses().first().copied()
    }
}

/// Sends all of it, and listens until the server closes or has nothing more to say.
pub(super) async fn say(address: SocketAddr, bytes: &[u8]) -> Heard {
    exchange(address, bytes, &[], QUIET).await
}

/// Sends a beginning, and then the rest again and again; hears the first answer.
pub(super) async fn flood(address: SocketAddr, bytes: &[u8], more: &[u8]) -> Heard {
    exchange(address, bytes, more, Duration::ZERO).await
}

async fn exchange(address: SocketAddr, bytes: &[u8], more: &[u8], quiet: Duration) -> Heard {
    let begun = Instant::now();
    let (mut reading, mut writing) = TcpStream::connect(address).await.unwrap().into_split();
    let writing = async move {
        // A server that has heard enough may close while we are still sending; its answer is what counts.
        let mut sent = writing.write_all(bytes).await;
        while sent.is_ok() && !more.is_empty() {
            sent = writing.write_all(more).await;
        }
        std::future::pending::<()>().await;
        drop(writing);
    };
    let mut heard = Heard::default();
    let listening = async {
        loop {
            let patience = if heard.took.is_some() {
                quiet
            } else {
                PATIENCE
            };
            match timeout(patience, reading.read_buf(&mut heard.bytes)).await {
                Err(_) => break,
                Ok(Ok(0) | Err(_)) => {
                    heard.closed = true;
                    break;
                }
                Ok(Ok(_)) => {
                    heard.took.get_or_insert_with(|| begun.elapsed());
                }
            }
        }
    };
    tokio::select! {
        () = writing => {}
        () = listening => {}
    }
    heard
}

pub(super) fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits = three
            .iter()
            .fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte))
            << (8 * (3 - three.len()));
        for n in 0..4 {
            let letter = char::from(LETTERS[bits >> (18 - 6 * n) & 63]);
            text.push(if n <= three.len() { letter } else { '=' });
        }
    }
    text
}
