//! Clients that do not wait for the answer.

use std::collections::HashMap;
use std::sync::Arc;

use crate::support::{Shop, by, json};
use async_trait::async_trait;
use purchase::{AppendError, EventLog, PurchaseEvent};
use serve::Limits;
use testkit::eventually;
use testkit::file::patient;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::sync::Notify;

/// A log that says when it is asked.
struct Announcing {
    log: Arc<dyn EventLog>,
    asked: Arc<Notify>,
}

#[async_trait]
impl EventLog for Announcing {
    async fn append(&self, event: PurchaseEvent) -> Result<(), AppendError> {
        self.asked.notify_one();
        self.log.append(event).await
    }
}

#[tokio::test]
async fn a_client_that_leaves_before_the_answer_has_its_purchase_in_the_log() {
    let asked = Arc::new(Notify::new());
    let announcing = |log| {
        let asked = Arc::clone(&asked);
        Arc::new(Announcing { log, asked }) as Arc<dyn EventLog>
    };
    let shop = Shop::around(patient(), Limits::default(), announcing).await;
    let idle = Handle::current().metrics().num_alive_tasks();
    let lock = shop.file.lock();
    let mut client = TcpStream::connect(shop.app.address).await.unwrap();
    client.write_all(&json(&by("leaver"))).await.unwrap();
    asked.notified().await;
    drop(client);
    eventually("the end of the request", async || {
        (Handle::current().metrics().num_alive_tasks() == idle).then_some(())
    })
    .await;
    assert!(
        shop.events().await.is_empty(),
        "it was acknowledged while nobody could write"
    );
    lock.execute_batch("ROLLBACK").unwrap();
    let event = eventually("the event", async || shop.events().await.pop()).await;
    assert_eq!(event["data"]["userid"], "leaver");
}

#[tokio::test]
async fn a_thousand_clients_that_leave_leave_nothing_behind() {
    let shop = Shop::with(patient(), Limits::default()).await;
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let idle = tasks();
    let lock = shop.file.lock();
    for hundred in 0..10 {
        let mut clients = Vec::new();
        for n in 0..100 {
            let mut client = TcpStream::connect(shop.app.address).await.unwrap();
            let request = json(&by(&format!("leaver-{hundred}-{n}")));
            // Some leave in the middle of their request.
            let sent = if n % 10 == 0 {
                request.len() - n
            } else {
                request.len()
            };
            client
                .write_all(&request[..sent.min(request.len())])
                .await
                .unwrap();
            clients.push(client);
        }
        // Those of odd hundreds leave at once, perhaps before they are heard; the others while they are being answered.
        if hundred % 2 == 0 {
            eventually("requests in flight", async || {
                (tasks() > idle + 50).then_some(())
            })
            .await;
        }
        drop(clients);
    }
    eventually("the end of all requests", async || {
        (tasks() == idle).then_some(())
    })
    .await;
    lock.execute_batch("ROLLBACK").unwrap();
    // Waits its turn behind everything that is queued.
    shop.file.sqlite.durability().await.unwrap();
    let mut counts: HashMap<String, usize> = HashMap::new();
    for event in shop.events().await {
        let userid = event["data"]["userid"].as_str().unwrap().to_owned();
        *counts.entry(userid).or_default() += 1;
    }
    assert!(counts.values().all(|count| *count == 1), "{counts:?}");
    assert!(!counts.is_empty() && counts.len() <= 1_000);
}
