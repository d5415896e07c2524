//! What the earlier Node services left behind is read, paged, and not doubled by either road.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

use e2e::topics::{self, Raw};
use e2e::{Scene, Servers};
use futures_util::TryStreamExt as _;
use mongodb::bson::{DateTime, Document, doc, oid::ObjectId};
use serde_json::{Value, json};
use testkit::app::client;

const PURCHASES: i64 = 1_000;
const USERS: i64 = 7;
/// 2024-03-01T09:00:00Z; a few of them at the same millisecond.
const BEGAN_MS: i64 = 1_709_283_600_000;

/// Number `n` as the earlier services knew it: prices that a double holds and one that it rounds, items that may be missing.
struct Old {
    userid: String,
    item: Option<String>,
    price: f64,
    millis: i64,
}

fn old(n: i64) -> Old {
    let price =
        [9.99, 0.1, 1e15, 19.0, 0.30000000000000004, 1234.5678][usize::try_from(n % 6).unwrap()];
    Old {
        userid: format!("user{}", n % USERS),
        item: (n % 3 != 0).then(|| format!("item {n}")),
        price,
        millis: BEGAN_MS + n / 4 * 1_000,
    }
}

/// As mongoose stored it.
fn document(n: i64) -> Document {
    let Old {
        userid,
        item,
        price,
        millis,
    } = old(n);
    let mut document = doc! {
        "_id": ObjectId::new(), "username": format!("User {n}"), "userid": userid, "price": price,
        "timestamp": DateTime::from_millis(millis), "__v": 0,
    };
    if let Some(item) = item {
        document.insert("item", item);
    }
    document
}

/// As kafkajs wrote it: keyed by the user id, without headers.
fn record(n: i64) -> Raw {
    let Old {
        userid,
        item,
        price,
        millis,
    } = old(n);
    let timestamp = DateTime::from_millis(millis)
        .try_to_rfc3339_string()
        .unwrap();
    let mut value = json!({"username": format!("User {n}"), "userid": userid, "price": price, "timestamp": timestamp});
    if let Some(item) = item {
        value["item"] = json!(item);
    }
    Raw {
        key: Some(userid.into_bytes()),
        value: Some(value.to_string().into_bytes()),
        timestamp_ms: Some(millis + 3),
        ..Raw::default()
    }
}

/// The lists of all users, whole, and again page by page.
async fn lists(url: &str) -> Vec<Value> {
    let client = client();
    let get = async |query: String| {
        let answer = client.get(format!("{url}{query}")).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let link = answer
            .headers()
            .get("link")
            .map(|link| link.to_str().unwrap().to_owned());
        (
            serde_json::from_str::<Value>(&answer.text().await.unwrap()).unwrap(),
            link,
        )
    };
    let mut lists = Vec::new();
    for user in 0..USERS {
        let path = format!("/getAllUserBuys/user{user}");
        let (whole, _) = get(path.clone()).await;
        let mut pages = Vec::new();
        let mut next = Some(format!("{path}?limit=10"));
        while let Some(query) = next {
            let (page, link) = get(query).await;
            pages.extend(page.as_array().unwrap().clone());
            next = link.map(|link| format!("{path}{}", link.split(['<', '>']).nth(1).unwrap()));
        }
        assert_eq!(whole, Value::Array(pages), "user{user}");
        lists.push(whole);
    }
    lists
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_old_purchases_are_listed_and_stay_as_they_are_when_the_log_is_read_again() {
    let scene = Scene::new(Servers::shared()).await;
    let documents = scene.documents().await;
    documents
        .insert_many((0..PURCHASES).map(document))
        .await
        .unwrap();
    let records: Vec<_> = (0..PURCHASES).map(record).collect();
    topics::produce(&scene.servers.kafka, &scene.topic, &records).await;

    let query = scene.query().await;
    let before = lists(&query.url()).await;
    let listed: usize = before
        .iter()
        .map(|list| list.as_array().unwrap().len())
        .sum();
    assert_eq!(listed, 1_000);
    let first = &before[1].as_array().unwrap().last().unwrap().clone();
    assert_eq!(
        (&first["item"], &first["price"]),
        (&json!("item 1"), &json!(0.1))
    );
    assert_eq!(first["timestamp"], "2024-03-01T09:00:00.000Z");

    let consumer = scene.consumer().await;
    scene.drained().await;
    assert!(consumer.stop().await.success());
    let by_source = Scene {
        group: format!("{}-source", scene.group),
        ..scene.clone()
    };
    let storer = by_source.storer().await;
    let source = by_source.source(&storer.url(), &[]).await;
    by_source.drained().await;

    let after: Vec<Document> = documents
        .find(doc! {})
        .await
        .unwrap()
        .try_collect()
        .await
        .unwrap();
    assert_eq!(after.len(), 1_000);
    assert!(
        after
            .iter()
            .all(|document| document.get_object_id("_id").is_ok())
    );
    assert_eq!(lists(&query.url()).await, before);
    let letters = topics::read_all(&scene.servers.kafka, &scene.dead_letters);
    assert!(letters.is_empty(), "{} dead letters", letters.len());
    for program in [source, storer, query] {
        assert!(program.stop().await.success());
    }
}
