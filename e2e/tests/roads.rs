//! One purchase, all the way, by either road and by both.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

use std::process::Command;

use e2e::topics::{self, Raw, header};
use e2e::{Letters, Road, Scene, Servers, Stack};
use futures_util::TryStreamExt as _;
use mongodb::bson::{Bson, doc};
use rdkafka::message::Message as _;
use serde_json::{Value, json};
use testkit::app::client;
use testkit::eventually;

const ROADS: [Road; 2] = [Road::Source, Road::Consumer];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn smoke_passes_through_the_gateway_and_through_buy_by_either_road() {
    for road in ROADS {
        let scene = Scene::new(Servers::shared()).await;
        let stack = Stack::start(&scene, road).await;
        for base in [stack.frontend.url(), stack.buy.url()] {
            let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/smoke.sh");
            let smoke = tokio::task::spawn_blocking(move || {
                Command::new("bash")
                    .arg(script)
                    .env("API_BASE", base)
                    .output()
                    .unwrap()
            });
            let smoke = smoke.await.unwrap();
            let said = String::from_utf8_lossy(&smoke.stderr).into_owned();
            assert!(smoke.status.success(), "{road:?}: {said}");
        }
        scene.drained().await;
        assert!(topics::read_all(&scene.servers.kafka, &scene.dead_letters).is_empty());
        stack.stop().await;
    }
}

/// What a user may be called, and what it was called in the address of its list.
const USERID: &str = "zażółć/王小明 🧉%2F";
const USERNAME: &str = "Zofia Łąka 王 🦊";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purchase_is_exact_in_the_record_the_document_and_the_list_by_either_road() {
    for road in ROADS {
        let scene = Scene::new(Servers::shared()).await;
        let stack = Stack::start(&scene, road).await;
        let client = client();
        let body =
            json!({"username": USERNAME, "userid": USERID, "item": "茶", "price": "1234567.890"});
        let url = format!("{}/buy", stack.frontend.url());
        let bought = client
            .post(url)
            .header("content-type", "application/json")
            .body(body.to_string());
        let bought = bought.send().await.unwrap();
        assert_eq!(bought.status(), 201);
        let location = bought.headers()["location"].to_str().unwrap().to_owned();
        let answer: Value = serde_json::from_str(&bought.text().await.unwrap()).unwrap();
        let purchase = answer["purchase"].clone();
        let (id, timestamp) = (
            purchase["id"].as_str().unwrap(),
            purchase["timestamp"].as_str().unwrap(),
        );

        let listed: Value = eventually("the purchase in the list", async || {
            let list = client
                .get(format!("{}{location}", stack.frontend.url()))
                .send()
                .await
                .unwrap();
            let list: Value = serde_json::from_str(&list.text().await.unwrap()).unwrap();
            (list != json!([])).then_some(list)
        })
        .await;
        assert_eq!(listed, json!([purchase]), "{road:?}");

        // As somebody sees it who knows nothing of us.
        let kcat = [
            "-b",
            &scene.servers.kafka,
            "-t",
            &scene.topic,
            "-C",
            "-e",
            "-q",
            "-f",
            "%k\n%h\n%s\n",
        ];
        let shown = Command::new("kcat").args(kcat).output().unwrap();
        let shown = String::from_utf8(shown.stdout).unwrap();
        let [key, headers, value] = shown.lines().collect::<Vec<_>>()[..] else {
            panic!("not one record: {shown}");
        };
        assert_eq!(key, USERID);
        for header in [
            "ce_specversion=1.0",
            &format!("ce_id={id}"),
            "ce_source=/user-buy-list/buy",
            "ce_type=dev.userbuylist.purchase.recorded.v1",
            &format!("ce_time={timestamp}"),
            "content-type=application/json",
        ] {
            assert!(
                headers.split(',').any(|shown| shown == header),
                "{header} is not in {headers}"
            );
        }
        let traceparent = headers
            .split(',')
            .find_map(|header| header.strip_prefix("traceparent="));
        assert_eq!(traceparent.unwrap().len(), 55);
        assert!(headers.is_ascii(), "{headers}");
        let plain = json!({
            "username": USERNAME, "userid": USERID, "item": "茶", "price": 1_234_567.89, "timestamp": timestamp,
        });
        assert_eq!(serde_json::from_str::<Value>(value).unwrap(), plain);

        let document = scene
            .documents()
            .await
            .find_one(doc! {})
            .await
            .unwrap()
            .unwrap();
        assert_eq!(document.get_str("_id").unwrap(), id);
        let price = document.get("price").unwrap();
        assert!(
            matches!(price, Bson::Decimal128(price) if price.to_string() == "1234567.89"),
            "{price}"
        );
        let stored = document
            .get_datetime("timestamp")
            .unwrap()
            .try_to_rfc3339_string()
            .unwrap();
        assert_eq!(
            stored.trim_end_matches('Z'),
            timestamp
                .trim_end_matches('Z')
                .trim_end_matches('0')
                .trim_end_matches('.')
        );
        stack.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_raw_record_by_both_roads_at_once_is_one_document() {
    let scene = Scene::new(Servers::shared()).await;
    let other_group = Scene {
        group: format!("{}-too", scene.group),
        ..scene.clone()
    };
    let by_source = Stack::start(&scene, Road::Source).await;
    let by_consumer = Stack::start(&other_group, Road::Consumer).await;
    let raw = r#"{"username":"Ada","userid":42,"item":"tea","price":0.1}"#;
    let mut kcat = Command::new("kcat");
    kcat.args([
        "-b",
        &scene.servers.kafka,
        "-t",
        &scene.topic,
        "-P",
        "-k",
        "42",
    ]);
    let mut kcat = kcat.stdin(std::process::Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(kcat.stdin.as_mut().unwrap(), raw.as_bytes()).unwrap();
    drop(kcat.stdin.take());
    assert!(kcat.wait().unwrap().success());

    scene.drained().await;
    other_group.drained().await;
    let documents: Vec<_> = scene
        .documents()
        .await
        .find(doc! {})
        .await
        .unwrap()
        .try_collect()
        .await
        .unwrap();
    assert_eq!(documents.len(), 1, "{documents:?}");
    assert_eq!(documents[0].get_str("userid").unwrap(), "42");
    let list = client()
        .get(format!("{}/getAllUserBuys/42", by_source.query.url()))
        .send()
        .await
        .unwrap();
    let list: Value = serde_json::from_str(&list.text().await.unwrap()).unwrap();
    assert_eq!(list.as_array().unwrap().len(), 1);
    by_source.stop().await;
    by_consumer.stop().await;
}

fn raw(headers: &[(&str, Option<&str>)], value: Option<String>) -> Raw {
    let headers = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.map(Into::into)));
    Raw {
        partition: Some(0),
        headers: headers.collect(),
        value: value.map(String::into_bytes),
        ..Raw::default()
    }
}

fn purchase_of(userid: &str) -> String {
    json!({"username": "Odd", "userid": userid, "price": 2}).to_string()
}

fn event<'a>(id: &'a str, more: &[(&'a str, Option<&'a str>)]) -> Vec<(&'a str, Option<&'a str>)> {
    let attributes = [
        ("ce_specversion", Some("1.0")),
        ("ce_id", Some(id)),
        ("ce_source", Some("/user-buy-list/buy")),
        ("ce_type", Some("dev.userbuylist.purchase.recorded.v1")),
        ("ce_time", Some("2026-01-31T12:00:00.000Z")),
        ("content-type", Some("application/json")),
    ];
    attributes.into_iter().chain(more.iter().copied()).collect()
}

/// Records that nobody should write, in one partition, with a good one behind each.
fn odd_records() -> Vec<Raw> {
    // 128 KiB is the whole record's limit; this one just fits.
    let long = "x".repeat(127 * 1024);
    let large = json!({"username": long, "userid": "large", "price": 2}).to_string();
    vec![
        raw(&[("note", None)], Some(purchase_of("null-header"))),
        raw(
            &event(
                "0193a000-0000-7000-8000-000000000001",
                &[("ce_note", Some("a\r\nce-id: b"))],
            ),
            Some(purchase_of("cr-lf")),
        ),
        raw(&[], None),
        raw(&[], Some("{broken".to_owned())),
        raw(
            &event("0193a000-0000-7000-8000-000000000002", &[]),
            Some("{broken".to_owned()),
        ),
        raw(&[], Some(large)),
        raw(&[], Some(purchase_of("last"))),
    ]
}

async fn users(scene: &Scene) -> Vec<String> {
    let documents: Vec<_> = scene
        .documents()
        .await
        .find(doc! {})
        .await
        .unwrap()
        .try_collect()
        .await
        .unwrap();
    let mut users: Vec<_> = documents
        .iter()
        .map(|document| document.get_str("userid").unwrap().to_owned())
        .collect();
    users.sort();
    users
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn odd_records_are_stored_or_kept_as_dead_letters_by_consumer_and_the_partition_moves_on() {
    let scene = Scene::new(Servers::shared()).await;
    let records = odd_records();
    topics::produce(&scene.servers.kafka, &scene.topic, &records).await;
    let stack = Stack::start(&scene, Road::Consumer).await;
    scene.drained().await;
    assert_eq!(
        users(&scene).await,
        ["cr-lf", "large", "last", "null-header"]
    );
    let letters = topics::read_all(&scene.servers.kafka, &scene.dead_letters);
    let mut kept: Vec<_> = letters
        .iter()
        .map(|letter| {
            (
                header(letter, "dl_offset").unwrap(),
                header(letter, "dl_reason").unwrap(),
            )
        })
        .collect();
    kept.sort();
    let malformed = |offset: &str| (offset.to_owned(), "malformed".to_owned());
    assert_eq!(kept, [malformed("2"), malformed("3"), malformed("4")]);
    for letter in &letters {
        let offset: usize = header(letter, "dl_offset").unwrap().parse().unwrap();
        assert_eq!(
            letter.payload().unwrap_or_default(),
            records[offset].value.as_deref().unwrap_or_default()
        );
    }
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn odd_records_do_to_the_source_what_they_do_to_the_real_one_and_the_partition_moves_on() {
    let scene = Scene::new(Servers::shared()).await;
    let letters = Letters::start().await;
    // The null header takes every raw record of its poll along, so it comes alone.
    let (null_header, others) = (&odd_records()[..1], &odd_records()[1..]);
    topics::produce(&scene.servers.kafka, &scene.topic, null_header).await;
    let storer = scene.storer().await;
    // A header that cannot be sent is tried again like any other failure, by the real one for a day too; here for less.
    let other = [
        ("DEAD_LETTER_SINK", letters.app.url.as_str()),
        ("RETRY", "3"),
    ];
    let source = scene.source(&storer.url(), &other).await;
    scene.drained().await;
    topics::produce(&scene.servers.kafka, &scene.topic, others).await;
    scene.drained().await;
    assert_eq!(users(&scene).await, ["large", "last"]);
    let reasons = letters.attribute("ce-reason");
    assert_eq!(reasons, ["malformed"; 3], "{reasons:?}");
    let said = source.said();
    assert!(
        said.contains("null-header") && said.matches("EVENT LOST").count() == 2,
        "the losses are not told:\n{said}"
    );
    for program in [source, storer] {
        assert!(program.stop().await.success());
    }
}
