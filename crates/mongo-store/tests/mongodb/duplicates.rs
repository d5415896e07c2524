//! Raw records that the earlier services stored, read from the log again.

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, doc};
use purchase::{
    Item, Price, Purchase, PurchaseLookup, PurchaseReader, PurchaseWriter, Recorded, Standing,
};
use testkit::sample::{self, NOON_MS};
use testkit::services;

use crate::support::{Store, earlier, raw, user};

async fn record(test: &Store, purchases: &[Purchase]) -> Vec<Recorded> {
    let batch = purchases.iter().cloned().map(raw).collect();
    let answers = test.store.record_all(batch).await;
    answers.into_iter().map(Result::unwrap).collect()
}

fn priced(userid: &str, price: &str) -> Purchase {
    Purchase {
        price: Price::recorded(price).unwrap(),
        ..sample::purchase(userid)
    }
}

#[tokio::test]
async fn a_raw_record_that_an_earlier_service_stored_is_a_duplicate() {
    let indexed = Store::open(&services::mongodb()).await;
    let plain = Store::without_indexes(&services::mongodb()).await;
    for test in [&indexed, &plain] {
        for (userid, stored, price) in [
            ("double", Bson::Double(0.1), "0.1"),
            ("integer", Bson::Int32(12), "12"),
            ("precise", Bson::Double(1.1), "1.10000000000000000000000001"),
            (
                "decimal",
                Bson::Decimal128("12.50".parse().unwrap()),
                "12.5",
            ),
        ] {
            test.purchases
                .insert_one(earlier(userid, NOON_MS, stored))
                .await
                .unwrap();
            let record_of_it = priced(userid, price);
            let timestamp = record_of_it.timestamp;
            let duplicate = Recorded::Duplicate { timestamp };
            assert_eq!(
                record(test, std::slice::from_ref(&record_of_it)).await,
                [duplicate],
                "{userid}"
            );
            assert_eq!(
                test.store
                    .list(&user(userid), None, 10)
                    .await
                    .unwrap()
                    .len(),
                1
            );
            // The same content as an event is another purchase: somebody bought it again.
            let event = vec![record_of_it.into()];
            assert!(matches!(
                test.store.record_all(event).await[..],
                [Ok(Recorded::Stored)]
            ));
        }
    }
    indexed.drop().await;
    plain.drop().await;
}

/// Redrive asks before it writes. What it writes of a raw record must stay one: as an event of ours it would be bought twice.
#[tokio::test]
async fn what_an_earlier_service_stored_stands_for_its_raw_record_and_for_no_event() {
    let test = Store::open(&services::mongodb()).await;
    let known = priced("ada", "0.1");
    let document = earlier("ada", NOON_MS, Bson::Double(0.1));
    test.purchases.insert_one(document).await.unwrap();
    let batch = vec![
        known.clone().into(),
        raw(known.clone()),
        raw(priced("ada", "0.2")),
        raw(sample::at("ada", NOON_MS + 1)),
    ];
    let standings = test.store.look_up(batch).await.unwrap();
    let absent = Standing::Absent;
    assert_eq!(standings, [absent, Standing::Same, absent, absent]);
    test.drop().await;
}

#[tokio::test]
async fn anything_else_than_the_same_is_stored() {
    let test = Store::open(&services::mongodb()).await;
    let mut itemless = earlier("itemless", NOON_MS, 12.5);
    itemless.remove("item");
    let ours = doc! { "_id": sample::purchase("x").id.to_string(), "username": "Ada Lovelace", "userid": "ours", "item": "tea", "price": 12.5, "timestamp": mongodb::bson::DateTime::from_millis(NOON_MS) };
    test.purchases
        .insert_many([earlier("ada", NOON_MS, 12.5), itemless, ours])
        .await
        .unwrap();
    for other in [
        sample::at("ada", NOON_MS + 1),
        sample::purchase("bob"),
        priced("ada", "12.51"),
        Purchase {
            item: Some(Item::parse("coffee").unwrap()),
            ..sample::purchase("ada")
        },
        sample::purchase("itemless"),
        // What stands under a UUID is never the same record.
        sample::purchase("ours"),
    ] {
        assert_eq!(
            record(&test, std::slice::from_ref(&other)).await,
            [Recorded::Stored]
        );
        let timestamp = other.timestamp;
        assert_eq!(
            record(&test, &[other]).await,
            [Recorded::Duplicate { timestamp }]
        );
    }
    test.drop().await;
}

#[tokio::test]
async fn raw_records_and_events_of_one_batch_each_get_their_answer() {
    let test = Store::open(&services::mongodb()).await;
    test.purchases
        .insert_one(earlier("ada", NOON_MS, 12.5))
        .await
        .unwrap();
    let [known, new, event] = ["ada", "bob", "ada"].map(sample::purchase);
    let other_content = Purchase {
        item: None,
        ..new.clone()
    };
    let batch = vec![
        raw(new.clone()),
        raw(known.clone()),
        event.clone().into(),
        raw(known),
        raw(new.clone()),
        raw(other_content),
    ];
    let answers = test.store.record_all(batch).await;
    let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    let duplicate = Recorded::Duplicate {
        timestamp: new.timestamp,
    };
    assert_eq!(
        answers,
        [
            Recorded::Stored,
            duplicate,
            Recorded::Stored,
            duplicate,
            duplicate,
            Recorded::Conflict
        ]
    );
    assert_eq!(
        test.store.list(&user("ada"), None, 10).await.unwrap().len(),
        2
    );
    assert_eq!(
        test.store.list(&user("bob"), None, 10).await.unwrap(),
        [new]
    );
    test.drop().await;
}

#[tokio::test]
async fn all_raw_records_of_a_batch_cost_one_query_by_the_index() {
    let test = Store::open(&services::mongodb()).await;
    // One user with a long history, in which few times are those of the batch.
    let history: Vec<_> = (0..5_000)
        .map(|n| earlier("ada", NOON_MS + 2 * n, 12.5))
        .collect();
    test.purchases.insert_many(&history).await.unwrap();
    let others: Vec<_> = (0..500)
        .map(|n| earlier(&format!("user-{n}"), NOON_MS - 1, 12.5))
        .collect();
    test.purchases.insert_many(&others).await.unwrap();
    let mut batch: Vec<_> = (0..500).map(|n| sample::at("ada", NOON_MS + n)).collect();
    batch.extend((0..500).map(|n| sample::at(&format!("user-{n}"), NOON_MS + 1 + n)));
    test.run(doc! { "profile": 2 }).await;
    let recorded = record(&test, &batch).await;
    test.run(doc! { "profile": 0 }).await;
    let stored = recorded
        .iter()
        .filter(|answer| **answer == Recorded::Stored);
    assert_eq!(stored.count(), 250 + 500);
    let finds = test.profile(doc! { "op": "query" }).await;
    assert_eq!(finds.len(), 1, "{finds:?}");
    assert_eq!(
        finds[0].get_str("planSummary").unwrap(),
        "IXSCAN { userid: 1, timestamp: -1, _id: -1 }"
    );
    let (keys, documents) = (
        finds[0].get_i32("keysExamined").unwrap(),
        finds[0].get_i32("docsExamined").unwrap(),
    );
    assert!(
        keys < 1_000 && documents <= 251,
        "{keys} keys and {documents} documents"
    );
    test.drop().await;
}

#[tokio::test]
async fn an_unreadable_document_is_no_duplicate_and_no_obstacle() {
    let test = Store::open(&services::mongodb()).await;
    let mut broken = earlier("ada", NOON_MS, "abc");
    broken.insert("_id", ObjectId::new());
    test.purchases.insert_one(broken).await.unwrap();
    assert_eq!(
        record(&test, &[sample::purchase("ada")]).await,
        [Recorded::Stored]
    );
    test.drop().await;
}

#[tokio::test]
async fn a_document_that_was_made_unreadable_is_a_conflict_and_stops_nobody() {
    let test = Store::open(&services::mongodb()).await;
    let [damaged, other] = ["ada", "bob"].map(sample::purchase);
    record(&test, std::slice::from_ref(&damaged)).await;
    let id = doc! { "_id": damaged.id.to_string() };
    let damage = doc! { "$set": { "price": "abc" } };
    test.purchases.update_one(id, damage).await.unwrap();
    assert_eq!(
        record(&test, &[damaged.clone(), other]).await,
        [Recorded::Conflict, Recorded::Stored]
    );
    let standing = test.store.look_up(vec![damaged.into()]).await.unwrap();
    assert_eq!(standing, [Standing::Other]);
    test.drop().await;
}
