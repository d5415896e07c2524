//! What goes over the wire, as the server saw it: concerns and plans.

use mongodb::bson::{Document, doc};
use purchase::{Owner, PurchaseReader, PurchaseWriter, Recorded};
use testkit::sample::{self, NOON_MS, entries};
use testkit::services;

use crate::support::{Store, earlier, pages, raw, user};

const BY_USER: &str = "IXSCAN { userid: 1, timestamp: -1, _id: -1 }";
const BY_TIME: &str = "IXSCAN { timestamp: -1, _id: -1 }";

#[tokio::test]
async fn every_write_asks_for_majority_and_journal_and_every_read_for_majority() {
    // What the URI says of durability is not obeyed.
    let weak = "&w=1&journal=false&readConcernLevel=local&readPreference=secondaryPreferred";
    let test = Store::with_options(&services::mongodb(), weak).await;
    test.store.ensure_indexes().await;
    test.run(doc! { "profile": 2 }).await;
    let purchases = [0, 1, 2].map(|_| sample::purchase("ada"));
    test.store.record_all(entries(&purchases)).await;
    test.store.record_all(entries(&purchases)).await;
    test.store
        .record_all(vec![raw(sample::purchase("bob"))])
        .await;
    for owner in [user("ada"), Owner::Everyone] {
        pages(&test.store, &owner, 2).await;
    }
    test.store.find_owners(vec![purchases[0].id]).await.unwrap();
    test.run(doc! { "profile": 0 }).await;

    let inserts = test.profile(doc! { "op": "insert" }).await;
    assert_eq!(inserts.len(), 3);
    for insert in inserts {
        let command = insert.get_document("command").unwrap();
        let concern = command.get_document("writeConcern").unwrap();
        assert_eq!(concern.get_str("w").ok(), Some("majority"), "{command}");
        assert_eq!(concern.get_bool("j").ok(), Some(true), "{command}");
        assert!(concern.contains_key("wtimeout"), "{command}");
        assert_eq!(command.get_bool("ordered").ok(), Some(false), "{command}");
        assert!(
            command.contains_key("txnNumber"),
            "a retryable write: {command}"
        );
    }
    let reads = test
        .profile(doc! { "op": { "$in": ["query", "getmore"] } })
        .await;
    assert!(reads.len() > 6, "{}", reads.len());
    for read in reads {
        let command = read.get_document("command").unwrap();
        let concern = command
            .get_document("readConcern")
            .unwrap_or_else(|_| panic!("{read}"));
        assert_eq!(concern.get_str("level").ok(), Some("majority"), "{command}");
        assert!(command.contains_key("maxTimeMS"), "{command}");
        assert_eq!(
            read.get_str("op").ok(),
            Some("query"),
            "one round trip: {command}"
        );
    }
    test.drop().await;
}

/// What the server did for one page from the middle of a list.
async fn middle_page(test: &Store, owner: &Owner) -> Document {
    let first = test.store.list(owner, None, 700).await.unwrap();
    test.run(doc! { "profile": 2 }).await;
    let page = test
        .store
        .list(owner, first.last().map(purchase::Purchase::cursor), 50)
        .await;
    test.run(doc! { "profile": 0 }).await;
    assert_eq!(page.unwrap().len(), 50);
    let mut reads = test.profile(doc! { "op": "query" }).await;
    test.database
        .collection::<Document>("system.profile")
        .drop()
        .await
        .unwrap();
    assert_eq!(reads.len(), 1, "{reads:?}");
    reads.remove(0)
}

#[tokio::test]
async fn a_page_is_a_range_of_the_index_and_costs_no_more_than_its_size() {
    let test = Store::open(&services::mongodb()).await;
    for userid in ["ada", "bob", "eve"] {
        // Most at one time, which is where a filter would read them all again for each page.
        let ours: Vec<_> = (0..1_000)
            .map(|n| sample::at(userid, NOON_MS + n / 800))
            .collect();
        test.store.record_all(entries(&ours)).await;
        let documents: Vec<_> = (0..1_000).map(|_| earlier(userid, NOON_MS, 12.5)).collect();
        test.purchases.insert_many(&documents).await.unwrap();
    }
    for (owner, plan) in [(user("bob"), BY_USER), (Owner::Everyone, BY_TIME)] {
        test.run(doc! { "profile": 2 }).await;
        test.store.list(&owner, None, 50).await.unwrap();
        test.run(doc! { "profile": 0 }).await;
        let first = test.profile(doc! { "op": "query" }).await.remove(0);
        test.database
            .collection::<Document>("system.profile")
            .drop()
            .await
            .unwrap();
        for read in [first, middle_page(&test, &owner).await] {
            assert_eq!(read.get_str("planSummary").ok(), Some(plan), "{read}");
            assert!(!read.contains_key("hasSortStage"), "{read}");
            let (keys, documents) = (
                read.get_i32("keysExamined").unwrap(),
                read.get_i32("docsExamined").unwrap(),
            );
            assert!(
                keys <= 52 && documents <= 51,
                "{keys} keys and {documents} documents: {read}"
            );
        }
    }
    test.drop().await;
}

#[tokio::test]
async fn indexes_are_made_once_and_making_them_again_changes_nothing() {
    let test = Store::without_indexes(&services::mongodb()).await;
    tokio::join!(test.store.ensure_indexes(), test.store.ensure_indexes());
    test.store.ensure_indexes().await;
    let mut names = test.purchases.list_index_names().await.unwrap();
    names.sort();
    assert_eq!(
        names,
        [
            "_id_",
            "timestamp_-1__id_-1",
            "userid_1_timestamp_-1__id_-1"
        ]
    );
    test.drop().await;
}

#[tokio::test]
async fn somebody_elses_index_with_the_same_keys_stops_no_list() {
    let test = Store::open(&services::mongodb()).await;
    let purchases = [0, 1, 2].map(|_| sample::purchase("ada"));
    test.store.record_all(entries(&purchases)).await;
    for keys in [
        doc! { "userid": 1, "timestamp": -1, "_id": -1 },
        doc! { "timestamp": -1, "_id": -1 },
    ] {
        let index = doc! { "name": format!("theirs-{}", keys.len()), "key": keys, "collation": { "locale": "en" } };
        test.run(doc! { "createIndexes": "purchases", "indexes": [index] })
            .await;
    }
    for owner in [user("ada"), Owner::Everyone] {
        assert_eq!(pages(&test.store, &owner, 1).await.len(), 3);
    }
    test.drop().await;
}

#[tokio::test]
async fn a_batch_beyond_one_message_is_recorded() {
    let test = Store::open(&services::mongodb()).await;
    let mut batch: Vec<_> = (0..12_000).map(|_| sample::purchase("ada")).collect();
    // Five of 7 MB each do not fit into 32 MB together.
    for large in batch.iter_mut().step_by(2_400) {
        large.item = Some(purchase::Item::recorded("x".repeat(7 << 20)).unwrap());
    }
    let answers = test.store.record_all(entries(&batch)).await;
    assert!(
        answers
            .iter()
            .all(|answer| matches!(answer, Ok(Recorded::Stored)))
    );
    assert_eq!(
        test.purchases.count_documents(doc! {}).await.unwrap(),
        12_000
    );
    test.drop().await;
}
