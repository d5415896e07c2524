//! Documents of the earlier services in a list, beside ours.

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, DateTime, Decimal128, Document, doc};
use purchase::{Owner, PortError, Purchase, PurchaseId, PurchaseReader, PurchaseWriter, UserId};
use testkit::random::Random;
use testkit::sample::{self, NOON_MS};
use testkit::services;

use crate::support::{Store, earlier, pages, user};

#[tokio::test]
async fn earlier_documents_are_listed_with_their_shortest_price() {
    let test = Store::open(&services::mongodb()).await;
    let decimal: Decimal128 = "1250E-2".parse().unwrap();
    let prices = [
        (Bson::Double(0.1), "0.1"),
        (Bson::Double(12.5), "12.5"),
        (Bson::Double(1e300), "1e300"),
        (Bson::Int32(7), "7"),
        (Bson::Int64(1 << 40), "1099511627776"),
        (Bson::Decimal128(decimal), "12.5"),
        (Bson::String("3.50".to_owned()), "3.5"),
    ];
    for (millis, (price, _)) in (NOON_MS..).zip(&prices) {
        let document = earlier("ada", millis, price.clone());
        test.purchases.insert_one(document).await.unwrap();
    }
    let listed = test.store.list(&user("ada"), None, 100).await.unwrap();
    let listed: Vec<_> = listed
        .iter()
        .rev()
        .map(|listed| listed.price.to_string())
        .collect();
    assert_eq!(listed, prices.map(|(_, price)| price));
    test.drop().await;
}

/// Ours and earlier ones, few of them with a time of their own.
async fn fill(test: &Store, userid: &str) -> Vec<Purchase> {
    let mut random = Random::from_env();
    let mut batch = Vec::new();
    let mut documents = Vec::new();
    for n in 0..60 {
        let millis = NOON_MS + i64::try_from(random.below(4)).unwrap();
        if n % 2 == 0 {
            batch.push(sample::at(userid, millis).into());
        } else {
            documents.push(earlier(userid, millis, 12.5));
        }
    }
    let mut purchases: Vec<Purchase> = batch
        .iter()
        .map(|entry: &purchase::Entry| entry.purchase.clone())
        .collect();
    for document in &documents {
        purchases.push(Purchase {
            id: PurchaseId::ObjectId(document.get_object_id("_id").unwrap().bytes()),
            ..sample::at(
                userid,
                document
                    .get_datetime("timestamp")
                    .unwrap()
                    .timestamp_millis(),
            )
        });
    }
    test.purchases.insert_many(&documents).await.unwrap();
    for recorded in test.store.record_all(batch).await {
        recorded.unwrap();
    }
    purchases.sort_by_key(|purchase| std::cmp::Reverse(purchase.cursor()));
    purchases
}

#[tokio::test]
async fn a_mixed_list_is_paged_without_gap_or_repetition() {
    let indexed = Store::open(&services::mongodb()).await;
    let plain = Store::without_indexes(&services::mongodb()).await;
    for test in [&indexed, &plain] {
        let ada = fill(test, "ada").await;
        let bob = fill(test, "bob").await;
        let mut everyone = [ada.clone(), bob].concat();
        everyone.sort_by_key(|purchase| std::cmp::Reverse(purchase.cursor()));
        for size in [1, 3, 7, 1_000] {
            assert_eq!(pages(&test.store, &user("ada"), size).await, ada);
            assert_eq!(pages(&test.store, &Owner::Everyone, size).await, everyone);
        }
    }
    indexed.drop().await;
    plain.drop().await;
}

#[tokio::test]
async fn owners_of_both_kinds_of_ids_are_found() {
    let test = Store::open(&services::mongodb()).await;
    let purchases = fill(&test, "ada").await;
    let mut ids: Vec<_> = purchases.iter().map(|purchase| purchase.id).collect();
    ids.extend((0..5_000).map(|_| PurchaseId::ObjectId(ObjectId::new().bytes())));
    let owners = test.store.find_owners(ids).await.unwrap();
    let ada = UserId::parse("ada").unwrap();
    assert_eq!(owners.len(), purchases.len());
    assert!(
        purchases
            .iter()
            .all(|purchase| owners.get(&purchase.id) == Some(&ada))
    );
    test.drop().await;
}

/// The permanent error of a list, after a readable first page.
async fn complaint(test: &Store, owner: &Owner) -> String {
    let mut after = None;
    loop {
        match test.store.list(owner, after, 1).await {
            Ok(page) if page.is_empty() => panic!("the list ended as if it were complete"),
            Ok(page) => after = page.last().map(Purchase::cursor),
            Err(PortError::Permanent(error)) => return error.to_string(),
            Err(PortError::Transient(error)) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn a_list_with_an_unreadable_document_never_ends_as_if_it_were_complete() {
    let indexed = Store::open(&services::mongodb()).await;
    let plain = Store::without_indexes(&services::mongodb()).await;
    let spoilt = |userid: &str, field: &str, value: Bson| {
        let mut document = earlier(userid, NOON_MS, 12.5);
        document.insert(field, value);
        document
    };
    let mut timeless = earlier("none", NOON_MS, 12.5);
    timeless.remove("timestamp");
    for test in [&indexed, &plain] {
        for (userid, field, document) in [
            ("price", "price", spoilt("price", "price", "abc".into())),
            ("name", "username", spoilt("name", "username", Bson::Null)),
            (
                "text",
                "timestamp",
                spoilt("text", "timestamp", "2026-01-31".into()),
            ),
            ("none", "timestamp", timeless.clone()),
            (
                "number",
                "timestamp",
                spoilt("number", "timestamp", 5.into()),
            ),
        ] {
            let id = document.get_object_id("_id").unwrap().to_hex();
            // Ours come before it: newer, or at the same time.
            let ours =
                [NOON_MS, NOON_MS + 1, NOON_MS + 2].map(|millis| sample::at(userid, millis).into());
            let later = earlier(userid, NOON_MS, 12.5);
            test.store.record_all(ours.to_vec()).await;
            test.purchases
                .insert_many([&document, &later])
                .await
                .unwrap();
            let said = complaint(test, &user(userid)).await;
            assert!(
                said.contains(&id) && said.contains(field),
                "{userid}: {said}"
            );
        }
        complaint(test, &Owner::Everyone).await;
    }
    indexed.drop().await;
    plain.drop().await;
}

#[tokio::test]
async fn a_user_id_is_never_an_operator() {
    let test = Store::open(&services::mongodb()).await;
    test.purchases
        .insert_one(earlier("ada", NOON_MS, 12.5))
        .await
        .unwrap();
    for hostile in ["{\"$ne\":null}", "$ne", ".*", "/ada/", "[object Object]"] {
        assert_eq!(test.store.list(&user(hostile), None, 10).await.unwrap(), []);
    }
    test.drop().await;
}

#[tokio::test]
async fn a_numeric_user_id_of_a_document_is_in_everyones_list_only() {
    let test = Store::open(&services::mongodb()).await;
    let document: Document =
        doc! { "username": "Ada", "userid": 42, "price": 1, "timestamp": DateTime::from_millis(1) };
    test.purchases.insert_one(document).await.unwrap();
    let everyone = test.store.list(&Owner::Everyone, None, 10).await.unwrap();
    assert_eq!(everyone[0].userid.as_str(), "42");
    assert_eq!(test.store.list(&user("42"), None, 10).await.unwrap(), []);
    test.drop().await;
}

#[tokio::test]
async fn earlier_documents_are_summed_up_as_they_are_listed() {
    let test = Store::open(&services::mongodb()).await;
    let decimal: Decimal128 = "1250E-2".parse().unwrap();
    let simple = [
        Bson::Double(0.1),
        Bson::Double(0.2),
        Bson::Double(1234.567),
        Bson::Double(1_234_567.0),
        Bson::Int32(7),
        Bson::Int64(1 << 40),
        Bson::Decimal128(decimal),
        Bson::String(" 3.50 ".to_owned()),
    ];
    // What the server reads otherwise than the list, which has all digits of the double and of the text.
    let odd = [
        (Bson::Double(0.1 + 0.2), "tea".into()),
        (Bson::Int32(1), Bson::Double(1_234_567.0)),
    ];
    let items = [Bson::Null, "".into(), "tea".into(), Bson::Int32(5)];
    let insert = async |userid: &str, n: usize, price: Bson, item: Option<Bson>| {
        let millis = NOON_MS + i64::try_from(n).unwrap() * 40_000_000;
        let mut document = earlier(userid, millis, price);
        match item {
            Some(item) => document.insert("item", item),
            None => document.remove("item"),
        };
        test.purchases.insert_one(document).await.unwrap();
    };
    for (n, price) in simple.into_iter().enumerate() {
        for userid in ["ada", "bob", "eve"] {
            insert(userid, n, price.clone(), items.get(n % 5).cloned()).await;
        }
    }
    for (userid, (price, item)) in ["bob", "eve"].into_iter().zip(odd) {
        insert(userid, 9, price, Some(item)).await;
    }
    for userid in ["ada", "bob", "eve"] {
        let listed = test.store.list(&user(userid), None, 100).await.unwrap();
        let id = UserId::recorded(userid).unwrap();
        let summary = test.store.summarize(&id).await.unwrap();
        assert_eq!(summary, sample::summary(&listed), "{userid}");
    }
    for (userid, field, value) in [
        ("price", "price", Bson::Boolean(true)),
        ("time", "timestamp", "yesterday".into()),
        ("item", "item", vec!["tea"].into()),
    ] {
        let mut document = earlier(userid, NOON_MS, 1);
        document.insert(field, value);
        test.purchases.insert_one(document).await.unwrap();
        let id = UserId::recorded(userid).unwrap();
        let error = test.store.summarize(&id).await.unwrap_err();
        assert!(matches!(error, PortError::Permanent(_)), "{error}");
    }
    // Rounded on the way, and 0 in the end.
    for (n, price) in ["1e22", "1e-13", "-1e22"].into_iter().enumerate() {
        let price: Decimal128 = price.parse().unwrap();
        let mut document = earlier("rounded", NOON_MS + n as i64, 1);
        document.insert("price", price);
        test.purchases.insert_one(document).await.unwrap();
    }
    let id = UserId::recorded("rounded").unwrap();
    let error = test.store.summarize(&id).await.unwrap_err();
    assert!(matches!(error, PortError::Permanent(_)), "{error}");
    test.drop().await;
}
