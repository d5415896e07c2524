//! What the producer says on the wire, seen by a proxy between it and a real broker.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

mod support;

use std::sync::{Arc, Mutex};

use kafka_log::{Connection, DeadLetterTopic, KafkaLog, LogOptions};
use purchase::event::Reason;
use purchase::{EventLog, PurchaseEvent};
use testkit::{sample, services};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// The key of a request to produce, in Kafka's protocol.
const PRODUCE: i16 = 0;

/// The acknowledgements that each request to produce asked for.
type Asked = Arc<Mutex<Vec<i16>>>;

#[tokio::test(flavor = "multi_thread")]
async fn every_request_to_produce_asks_for_the_acknowledgement_of_all_replicas() {
    let (broker, port) = services::kafka_behind_proxy();
    let asked = Asked::default();
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let proxy = tokio::spawn(forward_all(listener, broker, Arc::clone(&asked)));

    let connection = Connection::plaintext(format!("127.0.0.1:{port}"));
    let name = support::topic(3).await;
    let log = KafkaLog::new(&connection, &name, LogOptions::default()).unwrap();
    for userid in sample::HOSTILE_USER_IDS {
        let purchase = sample::purchase(userid);
        log.append(PurchaseEvent {
            purchase,
            traceparent: None,
        })
        .await
        .unwrap();
    }
    let of_log = asked.lock().unwrap().len();
    assert!(of_log >= sample::HOSTILE_USER_IDS.len(), "{of_log}");

    let letters = DeadLetterTopic::new(&connection, &name).unwrap();
    let record = support::read_all(&name).await.pop().unwrap();
    let now = record.recorded_at;
    letters
        .bury(&record, Reason::Invalid, "", now)
        .await
        .unwrap();

    let asked = asked.lock().unwrap();
    assert!(asked.len() > of_log, "{asked:?}");
    assert!(asked.iter().all(|acks| *acks == -1), "{asked:?}");
    proxy.abort();
}

async fn forward_all(listener: TcpListener, broker: String, asked: Asked) {
    loop {
        let (client, _) = listener.accept().await.unwrap();
        let server = TcpStream::connect(&broker).await.unwrap();
        let (from_client, mut to_client) = client.into_split();
        let (mut from_server, to_server) = server.into_split();
        tokio::spawn(forward_requests(from_client, to_server, Arc::clone(&asked)));
        tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
    }
}

/// Passes requests on, one by one, until either side hangs up.
async fn forward_requests(
    mut client: impl tokio::io::AsyncRead + Unpin,
    mut server: impl tokio::io::AsyncWrite + Unpin,
    asked: Asked,
) -> std::io::Result<()> {
    loop {
        let length = client.read_u32().await?;
        let mut request = vec![0; length as usize];
        client.read_exact(&mut request).await?;
        if let Some(acks) = acks(&request) {
            asked.lock().unwrap().push(acks);
        }
        server.write_u32(length).await?;
        server.write_all(&request).await?;
    }
}

/// The acknowledgements that a request asks for, if it is one to produce: key, version, correlation id, client id, from
/// version 9 on a list of tags, then the transactional id, which is null here.
fn acks(request: &[u8]) -> Option<i16> {
    let mut rest = request;
    if take(&mut rest)? != PRODUCE {
        return None;
    }
    let is_flexible = take(&mut rest)? >= 9;
    rest = rest.get(4..)?;
    let client_id = usize::try_from(take(&mut rest)?).unwrap_or(0);
    rest = rest.get(client_id..)?;
    if is_flexible {
        // No tags, and a compact null.
        assert_eq!(rest.get(..2)?, [0, 0]);
        rest = rest.get(2..)?;
    } else {
        assert_eq!(take(&mut rest)?, -1, "a transaction");
    }
    take(&mut rest)
}

fn take(rest: &mut &[u8]) -> Option<i16> {
    let (number, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(i16::from_be_bytes(*number))
}
