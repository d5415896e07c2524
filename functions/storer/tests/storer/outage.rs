//! The store is away, slow, full or broken: whoever delivers comes again, and nothing is lost or doubled.

use std::sync::Arc;
use std::time::Duration;

use crate::support::{Form, Sent, Store, purchase, unsure};
use async_trait::async_trait;
use delivery::RecorderOptions;
use purchase::{Entry, PortError, PurchaseWriter, Recorded};
use sqlite::Options;
use testkit::NEVER;
use testkit::file::{hasty, patient};
use testkit::raw::{Catalogue, status};
use testkit::{eventually, raw, sample};
use tokio::task::JoinSet;

const RECORD: &str = r#"{"username":"Ada","userid":7,"price":0.1}"#;

/// Three forms of one event, and a raw record.
fn all_forms() -> Vec<(String, Vec<u8>)> {
    let event = Form::ALL.map(|form| (format!("{form:?}"), Sent::of(&purchase(1)).write(form)));
    let mut all: Vec<_> = event.into();
    all.push((
        "raw record".to_owned(),
        Sent::raw_record(41, RECORD).binary(),
    ));
    all
}

#[tokio::test]
async fn while_the_store_is_locked_deliveries_are_unsure() {
    let options = hasty();
    let store = Store::with(options, RecorderOptions::default()).await;
    let lock = store.file.lock();
    let mut catalogue = Catalogue::default();
    for (title, request) in all_forms() {
        let answer = store.ask(&request).await;
        unsure(&answer);
        catalogue.add(&title, &answer);
    }
    lock.execute_batch("ROLLBACK").unwrap();
    assert!(store.list().await.is_empty());
    for (_, request) in all_forms() {
        store.stores(&request).await;
    }
    assert_eq!(store.list().await.len(), 2);
    insta::assert_snapshot!(catalogue.0);
}

#[tokio::test]
async fn at_the_deadline_deliveries_are_unsure_and_their_repetition_is_a_success() {
    let recorder = RecorderOptions {
        deadline: Duration::from_millis(50),
        ..RecorderOptions::default()
    };
    let store = Store::with(patient(), recorder).await;
    let lock = store.file.lock();
    for (_, request) in all_forms() {
        unsure(&store.ask(&request).await);
    }
    lock.execute_batch("ROLLBACK").unwrap();
    eventually("what was given up", async || {
        (store.list().await.len() == 2).then_some(())
    })
    .await;
    for (title, request) in all_forms() {
        // A busy machine may miss the short deadline again; the KafkaSource would come again, too.
        eventually(&title, async || {
            (status(&store.ask(&request).await) == 204).then_some(())
        })
        .await;
    }
    assert_eq!(store.list().await.len(), 2);
}

#[tokio::test]
async fn over_a_full_queue_deliveries_are_refused_at_once() {
    let recorder = RecorderOptions {
        queue_max: 1,
        deadline: NEVER,
        ..RecorderOptions::default()
    };
    let store = Store::with(patient(), recorder).await;
    let lock = store.file.lock();
    let address = store.app.address;
    let mut delivering = JoinSet::new();
    // One is in the hands of the writer, one waits, and the next is refused.
    let (refused_id, refused) = eventually("a refusal", async || {
        let purchase = sample::purchase("ada");
        delivering.spawn(async move {
            let answer = raw::exchange(address, &Sent::of(&purchase).binary()).await;
            (purchase.id, answer)
        });
        delivering.try_join_next().map(Result::unwrap)
    })
    .await;
    unsure(&refused);
    lock.execute_batch("ROLLBACK").unwrap();
    let mut stored = Vec::new();
    while let Some(delivered) = delivering.join_next().await {
        let (id, answer) = delivered.unwrap();
        match status(&answer) {
            204 => stored.push(id),
            _ => unsure(&answer),
        }
    }
    assert!(!stored.is_empty() && !stored.contains(&refused_id));
    let mut listed: Vec<_> = store
        .list()
        .await
        .iter()
        .map(|purchase| purchase.id)
        .collect();
    listed.sort();
    stored.sort();
    assert_eq!(listed, stored, "exactly those that got a 204");
}

#[tokio::test]
async fn a_broken_store_is_not_told_apart_from_one_that_is_away() {
    let store = Store::open().await;
    let lock = store.file.lock();
    lock.execute_batch("DROP TABLE purchases; COMMIT").unwrap();
    for (_, request) in all_forms() {
        unsure(&store.ask(&request).await);
    }
    store.file.sqlite.close().await;
    for (_, request) in all_forms() {
        unsure(&store.ask(&request).await);
    }
}

/// A store with a bug: it panics over one user, and forgets to answer for another.
struct Buggy(Arc<dyn PurchaseWriter>);

#[async_trait]
impl PurchaseWriter for Buggy {
    async fn record_all(&self, batch: Vec<Entry>) -> Vec<Result<Recorded, PortError>> {
        match batch[0].purchase.userid.as_str() {
            "panic" => panic!("sqlite at /tmp/secret is locked"),
            "silence" => Vec::new(),
            _ => self.0.record_all(batch).await,
        }
    }
}

async fn buggy_store() -> Store {
    let buggy = |writer| Arc::new(Buggy(writer)) as Arc<dyn PurchaseWriter>;
    Store::around(Options::default(), RecorderOptions::default(), buggy).await
}

#[tokio::test]
async fn a_bug_costs_one_delivery_and_not_the_others() {
    let store = buggy_store().await;
    for form in Form::ALL {
        let panicking = Sent::of(&sample::purchase("panic"));
        unsure(&store.ask(&panicking.write(form)).await);
        store.stores(&Sent::of(&purchase(1)).write(form)).await;
    }
    assert_eq!(store.list().await, [purchase(1)]);
}

#[tokio::test]
async fn what_the_store_gives_no_answer_for_is_unsure() {
    let store = buggy_store().await;
    for form in Form::ALL {
        let silent = Sent::of(&sample::purchase("silence"));
        let answer = store.ask(&silent.write(form)).await;
        assert_eq!(
            status(&answer),
            503,
            "{form:?}: success for what is not stored"
        );
    }
    assert!(store.list().await.is_empty());
}
