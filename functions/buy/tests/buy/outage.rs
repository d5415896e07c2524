//! The log is away, slow, full or broken: the client learns in time what became of its purchase, and nothing else.

use std::sync::Arc;
use std::time::Duration;

use crate::support::{Shop, VALID, by, json, keyed};
use async_trait::async_trait;
use purchase::{AppendError, EventLog, PurchaseEvent};
use serve::Limits;
use sqlite::Options;
use testkit::NEVER;
use testkit::file::hasty;
use testkit::raw::{Catalogue, body, header, status};
use testkit::sample::STAMPED_ID as ID;
use testkit::{eventually, raw};
use tokio::task::JoinSet;

/// What would tell how it is made.
const INTERNALS: [&str; 12] = [
    "sqlite", "locked", "database", "rusqlite", "table", "wal", "queue", "panic", "/tmp", ".rs",
    "kafka", "deadline",
];

fn tells_no_internals(shop: &Shop, answer: &[u8]) {
    let text = String::from_utf8_lossy(answer).to_lowercase();
    let path = shop.file.path().display().to_string().to_lowercase();
    for word in INTERNALS.into_iter().chain([path.as_str()]) {
        assert!(!text.contains(word), "{word}: {text}");
    }
}

fn unavailable(shop: &Shop, answer: &[u8], recorded: &str) {
    assert_eq!(status(answer), 503);
    assert_eq!(body(answer)["recorded"], recorded);
    assert!(header(answer, "retry-after").is_some());
    tells_no_internals(shop, answer);
}

#[tokio::test]
async fn while_the_log_is_down_the_client_learns_that_nothing_was_recorded() {
    let options = hasty();
    let shop = Shop::with(options, Limits::default()).await;
    let lock = shop.file.lock();
    let mut catalogue = Catalogue::default();
    for (title, request) in [
        ("down", json(VALID)),
        ("down, with a key", keyed("order-1", VALID)),
    ] {
        let answer = shop.ask(&request).await;
        unavailable(&shop, &answer, "no");
        catalogue.add(title, &answer);
    }
    lock.execute_batch("ROLLBACK").unwrap();
    assert!(shop.events().await.is_empty());
    assert_eq!(status(&shop.ask(&json(VALID)).await), 201, "it is back");
    assert_eq!(shop.events().await.len(), 1);
    insta::assert_snapshot!(catalogue.0);
}

#[tokio::test]
async fn at_the_deadline_the_client_learns_that_it_is_not_known() {
    let options = Options {
        busy_timeout: NEVER,
        deadline: Duration::from_millis(50),
        ..Options::default()
    };
    let shop = Shop::with(options, Limits::default()).await;
    let lock = shop.file.lock();
    let mut catalogue = Catalogue::default();
    let mut told = Vec::new();
    for (title, request) in [
        ("unsure", json(VALID)),
        ("unsure, with a key", keyed("order-1", VALID)),
    ] {
        let answer = shop.ask(&request).await;
        unavailable(&shop, &answer, "unknown");
        told.push(body(&answer)["id"].clone());
        catalogue.add(title, &answer);
    }
    lock.execute_batch("ROLLBACK").unwrap();
    eventually("both purchases in the log", async || {
        (shop.events().await.len() == 2).then_some(())
    })
    .await;
    let logged: Vec<_> = shop
        .events()
        .await
        .iter()
        .map(|event| event["id"].clone())
        .collect();
    assert_eq!(logged, told, "the ids that the clients were told");
    insta::assert_snapshot!(catalogue.0);
}

#[tokio::test]
async fn the_id_in_a_503_is_that_of_the_repetition() {
    let options = hasty();
    let shop = Shop::with(options, Limits::default()).await;
    let lock = shop.file.lock();
    let refused = shop.ask(&keyed("order-1", VALID)).await;
    lock.execute_batch("ROLLBACK").unwrap();
    let bought = shop.ask(&keyed("\"order-1\"", VALID)).await;
    assert_eq!(body(&refused)["id"], body(&bought)["purchase"]["id"]);
}

#[tokio::test]
async fn over_a_full_log_a_purchase_is_refused_at_once() {
    let options = Options {
        queue_max: 1,
        busy_timeout: NEVER,
        deadline: NEVER,
    };
    let shop = Shop::with(options, Limits::default()).await;
    let lock = shop.file.lock();
    let address = shop.app.address;
    let mut asking = JoinSet::new();
    let mut users = 0;
    // The writer takes some into its hands before it stands still; then one waits, and the next is refused.
    let (refused_user, refused) = eventually("a refusal", async || {
        let userid = format!("user-{users}");
        users += 1;
        asking.spawn(async move {
            let answer = raw::exchange(address, &json(&by(&userid))).await;
            (userid, answer)
        });
        asking.try_join_next().map(Result::unwrap)
    })
    .await;
    unavailable(&shop, &refused, "no");
    lock.execute_batch("ROLLBACK").unwrap();
    let mut bought = Vec::new();
    while let Some(asked) = asking.join_next().await {
        let (userid, answer) = asked.unwrap();
        match status(&answer) {
            201 => bought.push(userid),
            _ => unavailable(&shop, &answer, "no"),
        }
    }
    assert!(!bought.is_empty() && !bought.contains(&refused_user));
    let events = shop.events().await;
    let mut logged: Vec<_> = events
        .iter()
        .map(|event| event["data"]["userid"].as_str().unwrap().to_owned())
        .collect();
    logged.sort();
    bought.sort();
    assert_eq!(logged, bought, "exactly those that got a 201");
    let mut catalogue = Catalogue::default();
    catalogue.add("full", &refused);
    insta::assert_snapshot!(catalogue.0);
}

#[tokio::test]
async fn a_broken_log_is_not_told_apart_from_one_that_is_away() {
    let shop = Shop::open().await;
    let lock = shop.file.lock();
    lock.execute_batch("DROP TABLE log; COMMIT").unwrap();
    let broken = shop.ask(&json(VALID)).await;
    unavailable(&shop, &broken, "no");
    shop.file.sqlite.close().await;
    let closed = shop.ask(&json(VALID)).await;
    unavailable(&shop, &closed, "no");
    assert_eq!(raw::show(&broken), raw::show(&closed));
    assert_eq!(body(&broken)["id"], ID);
}

/// A log with a bug in it.
struct Panicking;

#[async_trait]
impl EventLog for Panicking {
    async fn append(&self, _: PurchaseEvent) -> Result<(), AppendError> {
        panic!("sqlite at /tmp/secret is locked");
    }
}

#[tokio::test]
async fn a_bug_is_answered_and_tells_nothing() {
    let panicking = |_| Arc::new(Panicking) as Arc<dyn EventLog>;
    let shop = Shop::around(Options::default(), Limits::default(), panicking).await;
    let answer = shop.ask(&json(VALID)).await;
    tells_no_internals(&shop, &answer);
    let mut catalogue = Catalogue::default();
    catalogue.add("a bug", &answer);
    insta::assert_snapshot!(catalogue.0);
}
