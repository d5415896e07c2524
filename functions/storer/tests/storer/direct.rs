//! `POST /purchases`: a direct write.

use std::time::Duration;

use crate::support::{Sent, Store, purchase, unsure};
use delivery::RecorderOptions;
use purchase::request::{Timestamps, from_json};
use purchase::{IdempotencyKey, PurchaseId, Timestamp};
use testkit::file::{hasty, patient};
use testkit::raw::{Catalogue, body, header, request, status};

const VALID: &str = r#"{"username":"Ada","userid":"a/b %ü","item":"tea","price":12.50}"#;

fn direct(headers: &[&str], purchase: &str) -> Vec<u8> {
    let headers = [headers, &["Content-Type: application/json"]].concat();
    request("POST /purchases", &headers, purchase)
}

fn timed(timestamp: &str) -> String {
    VALID.replace('}', &format!(r#","timestamp":"{timestamp}"}}"#))
}

#[tokio::test]
async fn a_purchase_is_stored_and_answered() {
    let store = Store::open().await;
    let mut catalogue = Catalogue::default();
    let answer = store.ask(&direct(&[], VALID)).await;
    catalogue.add("JSON", &answer);
    let stored = store.list().await;
    assert_eq!(stored.len(), 1);
    assert_eq!(body(&answer)["purchase"]["id"], stored[0].id.to_string());
    let form = "username=Ada&userid=ada&price=1&timestamp=2025-05-05T05:05:05%2B01:00";
    let content_type = "Content-Type: application/x-www-form-urlencoded";
    let key = "Idempotency-Key: form";
    let answer = store
        .ask(&request("POST /purchases", &[content_type, key], form))
        .await;
    catalogue.add("form with a time and a key", &answer);
    assert_eq!(store.list().await.len(), 2);
    insta::assert_snapshot!(catalogue.0);
}

#[tokio::test]
async fn the_time_that_was_sent_is_kept() {
    let store = Store::open().await;
    let answer = store
        .ask(&direct(&[], &timed("2020-02-29T23:59:59.9999+01:00")))
        .await;
    assert_eq!(status(&answer), 201);
    let told = body(&answer)["purchase"]["timestamp"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(told, "2020-02-29T22:59:59.999Z");
    assert_eq!(
        store.list().await[0].timestamp,
        Timestamp::parse(&told).unwrap()
    );
}

#[tokio::test]
async fn a_repeated_key_gives_the_first_purchase_again() {
    let store = Store::open().await;
    let first = store
        .ask(&direct(
            &["Idempotency-Key: k"],
            &timed("2020-01-01T00:00:00Z"),
        ))
        .await;
    assert_eq!(status(&first), 201);
    for later in [VALID.to_owned(), timed("2021-01-01T00:00:00Z")] {
        let again = store
            .ask(&direct(&["Idempotency-Key: \"k\""], &later))
            .await;
        assert_eq!(status(&again), 201);
        assert_eq!(body(&again), body(&first), "the same id and the first time");
        assert_eq!(header(&again, "location"), header(&first, "location"));
    }
    let other = store
        .ask(&direct(
            &["Idempotency-Key: k"],
            &VALID.replace("tea", "pie"),
        ))
        .await;
    assert_eq!(status(&other), 201);
    assert_ne!(
        body(&other)["purchase"]["id"],
        body(&first)["purchase"]["id"]
    );
    assert_eq!(store.list().await.len(), 2);
}

#[tokio::test]
async fn the_key_formula_is_that_of_buy() {
    let store = Store::open().await;
    let answer = store.ask(&direct(&["Idempotency-Key: k"], VALID)).await;
    let key: IdempotencyKey = "k".parse().unwrap();
    let new = from_json(VALID.as_bytes(), Timestamps::Receiver).unwrap();
    let id = PurchaseId::keyed(&key, &new);
    assert_eq!(body(&answer)["purchase"]["id"], id.to_string());
    // The event of the same purchase, bought through buy with the same key, changes nothing.
    let mut event = Sent::of(&purchase(1));
    event.data = timed("2026-02-02T00:00:00Z");
    store
        .stores(&event.set("id", &id.to_string()).binary())
        .await;
    assert_eq!(store.list().await.len(), 1);
}

#[tokio::test]
async fn an_invalid_purchase_is_400() {
    let store = Store::open().await;
    let mut catalogue = Catalogue::default();
    for purchase in [
        "{}",
        "username=Ada",
        r#"{"username":"Ada","userid":"ada","price":-1}"#,
        r#"{"username":"Ada","userid":"ada","price":1,"timestamp":"today"}"#,
        r#"{"username":"Ada","userid":"ada","price":1,"timestamp":1769860800000}"#,
        r#"{"username":"Ada","userid":"ada","price":1,"timestamp":"2026-02-30T00:00:00Z"}"#,
        r#"{"username":"Ada","userid":"ada","price":1,"timestamp":"2026-01-31T12:00:00"}"#,
    ] {
        let answer = store.ask(&direct(&[], purchase)).await;
        assert_eq!(status(&answer), 400, "{purchase}");
        catalogue.add(purchase, &answer);
    }
    let answer = store.ask(&direct(&["Idempotency-Key: \"\""], VALID)).await;
    assert_eq!(status(&answer), 400);
    catalogue.add("empty key", &answer);
    let text = ["Content-Type: text/plain"];
    let answer = store.ask(&request("POST /purchases", &text, VALID)).await;
    assert_eq!(status(&answer), 415);
    catalogue.add("text/plain", &answer);
    let answer = store.ask(&direct(&[], &" ".repeat(64 * 1024 + 1))).await;
    assert_eq!(status(&answer), 413);
    catalogue.add("64 KiB + 1", &answer);
    assert!(store.list().await.is_empty());
    insta::assert_snapshot!(catalogue.0);
}

#[tokio::test]
async fn an_id_that_is_taken_by_other_content_is_422() {
    let store = Store::open().await;
    let key: IdempotencyKey = "k".parse().unwrap();
    let new = from_json(VALID.as_bytes(), Timestamps::Receiver).unwrap();
    let id = PurchaseId::keyed(&key, &new);
    let taken = Sent::of(&purchase(1)).set("id", &id.to_string());
    store.stores(&taken.binary()).await;
    let answer = store.ask(&direct(&["Idempotency-Key: k"], VALID)).await;
    assert_eq!(status(&answer), 422);
    assert_eq!(store.list().await.len(), 1);
    let mut catalogue = Catalogue::default();
    catalogue.add("conflict", &answer);
    insta::assert_snapshot!(catalogue.0);
}

#[tokio::test]
async fn while_the_store_is_locked_or_slow_it_is_503() {
    let store = Store::with(hasty(), RecorderOptions::default()).await;
    let lock = store.file.lock();
    let mut catalogue = Catalogue::default();
    let answer = store.ask(&direct(&["Idempotency-Key: k"], VALID)).await;
    unsure(&answer);
    catalogue.add("locked, with a key", &answer);
    unsure(&store.ask(&direct(&[], VALID)).await);
    lock.execute_batch("ROLLBACK").unwrap();
    assert!(store.list().await.is_empty());
    let slow = RecorderOptions {
        deadline: Duration::from_millis(50),
        ..RecorderOptions::default()
    };
    let options = patient();
    let store = Store::with(options, slow).await;
    let lock = store.file.lock();
    let answer = store.ask(&direct(&["Idempotency-Key: k"], VALID)).await;
    unsure(&answer);
    catalogue.add("slow, with a key", &answer);
    lock.execute_batch("ROLLBACK").unwrap();
    insta::assert_snapshot!(catalogue.0);
}

#[tokio::test]
async fn only_with_a_key_a_repetition_is_said_to_be_harmless() {
    let recorder = RecorderOptions {
        deadline: Duration::from_millis(50),
        ..RecorderOptions::default()
    };
    let options = patient();
    let store = Store::with(options, recorder).await;
    let lock = store.file.lock();
    // Without a key the repetition gets an id of its own, and both are stored.
    let answer = store.ask(&direct(&[], VALID)).await;
    unsure(&answer);
    lock.execute_batch("ROLLBACK").unwrap();
    let error = body(&answer)["error"].as_str().unwrap().to_owned();
    assert!(!error.contains("harmless"), "{error}");
}
