//! Many events in one request: each is judged on its own.

use std::sync::Arc;

use crate::support::{Sent, Store, batch, post, purchase, unsure};
use async_trait::async_trait;
use delivery::RecorderOptions;
use purchase::{Entry, PortError, Purchase, PurchaseWriter, Recorded};
use sqlite::Options;
use testkit::file::hasty;
use testkit::raw::{Catalogue, body, header, status};
use testkit::sample;

const BATCH: &str = "application/cloudevents-batch+json";

#[tokio::test]
async fn an_empty_batch_is_a_success() {
    let store = Store::open().await;
    store.stores(&post(BATCH, "[]")).await;
    store.stores(&post(BATCH, " [ ] ")).await;
    assert_eq!(store.file.sqlite.commits(), 0);
}

#[tokio::test]
async fn a_batch_of_good_events_is_one_commit() {
    let store = Store::open().await;
    let events: Vec<_> = (0..200).map(|n| Sent::of(&purchase(n))).collect();
    store.stores(&batch(&events)).await;
    store.stores(&batch(&events)).await;
    assert_eq!(store.list().await.len(), 200);
    assert_eq!(store.file.sqlite.commits(), 2);
}

#[tokio::test]
async fn one_event_twice_in_a_batch_is_stored_once() {
    let store = Store::open().await;
    let sent = Sent::of(&purchase(1));
    store
        .stores(&batch(&[sent.clone(), sent.clone(), sent]))
        .await;
    assert_eq!(store.list().await, [purchase(1)]);
}

#[tokio::test]
async fn good_events_are_stored_beside_bad_ones_which_are_listed() {
    let store = Store::open().await;
    store.stores(&Sent::of(&purchase(9)).binary()).await;
    let conflict = Purchase {
        item: None,
        ..purchase(9)
    };
    let mut unnamed = Sent::of(&purchase(3)).without("id");
    unnamed.data = "{}".to_owned();
    let events = [
        Sent::of(&purchase(1)),
        Sent::with_data(&purchase(2).id.to_string(), r#"{"username":"Ada"}"#),
        Sent::of(&purchase(9)),
        Sent::of(&conflict),
        unnamed,
        Sent::of(&purchase(4)).set("type", "other"),
        Sent::raw_record(41, "hello"),
        Sent::raw_record(42, r#"{"username":"Ada","userid":7,"price":0.1}"#),
        Sent::of(&purchase(5)),
    ];
    let answer = store.ask(&batch(&events)).await;
    assert_eq!(status(&answer), 422);
    let errors = body(&answer)["errors"].clone();
    let listed: Vec<_> = errors
        .as_array()
        .unwrap()
        .iter()
        .map(|error| {
            (
                error["index"].as_u64().unwrap(),
                error["reason"].as_str().unwrap(),
            )
        })
        .collect();
    let expected = [
        (1, "invalid"),
        (3, "conflict"),
        (4, "malformed"),
        (5, "unknown-type"),
        (6, "malformed"),
    ];
    assert_eq!(listed, expected);
    assert_eq!(errors[0]["id"], purchase(2).id.to_string());
    assert_eq!(errors[1]["id"], purchase(9).id.to_string());
    assert_eq!(errors[4]["id"], "partition:2/offset:41");
    assert!(header(&answer, "kne-reason").is_some());
    assert_eq!(
        store.list().await.len(),
        4,
        "1, 5 and the raw record beside 9"
    );
    let mut catalogue = Catalogue::default();
    catalogue.add("mixed batch", &answer);
    let again = store.ask(&batch(&events)).await;
    assert_eq!(body(&again), body(&answer), "a repetition is judged alike");
    insta::assert_snapshot!(catalogue.0);
}

#[tokio::test]
async fn while_the_store_is_locked_a_mixed_batch_is_unsure() {
    let options = hasty();
    let store = Store::with(options, RecorderOptions::default()).await;
    let lock = store.file.lock();
    let mixed = batch(&[Sent::of(&purchase(1)), Sent::raw_record(1, "hello")]);
    unsure(&store.ask(&mixed).await);
    let bad = batch(&[Sent::raw_record(1, "hello")]);
    assert_eq!(
        status(&store.ask(&bad).await),
        422,
        "what needs no store is judged"
    );
    lock.execute_batch("ROLLBACK").unwrap();
    assert_eq!(status(&store.ask(&mixed).await), 422);
    assert_eq!(store.list().await, [purchase(1)]);
}

/// Does not confirm what one user bought.
struct Doubting(Arc<dyn PurchaseWriter>);

#[async_trait]
impl PurchaseWriter for Doubting {
    async fn record_all(&self, batch: Vec<Entry>) -> Vec<Result<Recorded, PortError>> {
        let doubtful: Vec<_> = batch
            .iter()
            .map(|entry| entry.purchase.userid.as_str() == "doubtful")
            .collect();
        let recorded = self.0.record_all(batch).await;
        recorded
            .into_iter()
            .zip(doubtful)
            .map(|(recorded, doubtful)| match doubtful {
                true => Err(PortError::transient("no majority")),
                false => recorded,
            })
            .collect()
    }
}

#[tokio::test]
async fn one_unsure_event_makes_the_whole_batch_come_again() {
    let doubting = |writer| Arc::new(Doubting(writer)) as Arc<dyn PurchaseWriter>;
    let options = (Options::default(), RecorderOptions::default());
    let store = Store::around(options.0, options.1, doubting).await;
    let doubtful = Sent::of(&sample::purchase("doubtful"));
    let events = [
        Sent::of(&purchase(1)),
        doubtful,
        Sent::of(&purchase(2)),
        Sent::raw_record(1, "hello"),
    ];
    unsure(&store.ask(&batch(&events)).await);
    let listed = store.list().await;
    assert!(listed.contains(&purchase(1)) && listed.contains(&purchase(2)));
}

#[tokio::test]
async fn a_batch_of_more_events_than_any_honest_one_is_413() {
    let store = Store::open().await;
    for (events, expected) in [(10_000, 422), (10_001, 413), (1_000_000, 413)] {
        let batch = format!("[{}]", vec!["0"; events].join(","));
        let answer = store.ask(&post(BATCH, &batch)).await;
        assert_eq!(status(&answer), expected, "{events}");
        let reason = header(&answer, "kne-reason");
        let expected = if expected == 413 {
            "too-large"
        } else {
            "malformed"
        };
        assert_eq!(reason.as_deref(), Some(expected));
    }
}
