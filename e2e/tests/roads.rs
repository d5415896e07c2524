//! One purchase, all the way, by either road. What nobody should send, and the same by both roads at once, is in the fault suite.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

use std::process::Command;

use e2e::{Road, Scene, Servers, Stack, topics};
use mongodb::bson::{Bson, doc};
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
