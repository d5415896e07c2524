//! Whatever died and wherever it was kept, it goes back as what it was, for either road.

use std::collections::BTreeSet;

use e2e::topics::{self, Raw};
use e2e::{Scene, Servers};
use futures_util::TryStreamExt as _;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{DateTime, Document, doc};
use purchase::PurchaseId;
use serde_json::{Value, json};
use testkit::eventually;
use testkit::sample::NOON_MS;

use crate::buried::{Died, Keeper, bought, event_of, purchase, raw, raw_id};
use crate::sink;
use crate::terminal::run;

const TIME: &str = "2026-01-31T12:00:00Z";
/// Beyond what may be bought today.
const OLD: &str = r#"{"username":"Ada","userid":42,"price":-1234567890.12345678,"item":"old"}"#;

/// One of each kind that can be stored.
fn died() -> Vec<Died> {
    let data = json!({"username": "Ada", "userid": "ada", "price": 1, "timestamp": TIME});
    let ty = purchase::event::TYPE;
    // Each reader decodes it once.
    let foreign = event_of(ty, "/shop", "a%2525 b", TIME, &data.to_string());
    let structured = json!({
        "specversion": "1.0", "id": "structured", "source": "/shop", "type": ty, "data": data,
    });
    let content_type = (
        "content-type".to_owned(),
        "application/cloudevents+json".to_owned(),
    );
    vec![
        bought(&purchase(1)),
        foreign,
        Died {
            headers: vec![content_type],
            ..raw(3, &structured.to_string())
        },
        raw(4, OLD),
    ]
}

async fn list(scene: &Scene) -> Vec<Value> {
    let ran = run(scene.redrive(&["list", "--json"])).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    ran.out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

async fn documents(scene: &Scene) -> Vec<Document> {
    let documents = scene.documents().await;
    let found = documents.find(doc! {}).sort(doc! { "_id": 1 });
    found.await.unwrap().try_collect().await.unwrap()
}

/// Replays what is in the topic of dead letters; both roads read what came of it, one after the other. Gives the ids of what is
/// stored then.
async fn replayed_for_both_roads(scene: &Scene, number: usize) -> BTreeSet<String> {
    let dead = list(scene).await;
    assert!(
        dead.iter().all(|line| line["state"] == "to replay"),
        "{dead:#?}"
    );
    let ran = run(scene.redrive(&["replay", "--execute"])).await;
    assert!(
        ran.said(&format!("replayed {number} of {number} events")),
        "{ran:?}"
    );

    let storer = scene.storer().await;
    let by_source = Scene {
        group: format!("{}-source", scene.group),
        ..scene.clone()
    };
    let source = by_source.source(&storer.url(), &[]).await;
    by_source.drained().await;
    let stored = documents(scene).await;
    let by_consumer = Scene {
        group: format!("{}-consumer", scene.group),
        ..scene.clone()
    };
    let consumer = by_consumer.consumer().await;
    by_consumer.drained().await;
    assert_eq!(
        documents(scene).await,
        stored,
        "the other road came to others"
    );
    for program in [source, storer, consumer] {
        assert!(program.stop().await.success());
    }
    let resolved = list(scene).await;
    assert!(
        resolved.iter().all(|line| line["state"] == "resolved"),
        "{resolved:#?}"
    );
    let ids = |lines: &[Value]| -> BTreeSet<String> {
        let ids = lines
            .iter()
            .map(|line| line["id"].as_str().unwrap().to_owned());
        ids.collect()
    };
    assert_eq!(ids(&resolved), ids(&dead));
    let stored = stored
        .iter()
        .map(|document| document.get_str("_id").unwrap().to_owned());
    let stored: BTreeSet<_> = stored.collect();
    assert_eq!(stored, ids(&dead));
    stored
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_consumer_buried_is_the_same_purchase_by_either_road() {
    let scene = Scene::new(Servers::shared()).await;
    let letters = died()
        .into_iter()
        .map(|died| died.kept_by(Keeper::Consumer, "purchases", "retries-exhausted", 0));
    let letters: Vec<_> = letters.collect();
    topics::produce(&scene.servers.kafka, &scene.dead_letters, &letters).await;
    let stored = replayed_for_both_roads(&scene, 4).await;
    let expected = [
        raw_id("purchases", 4),
        PurchaseId::foreign_event("/shop", "a%25 b").to_string(),
        PurchaseId::foreign_event("/shop", "structured").to_string(),
    ];
    assert!(expected.iter().all(|id| stored.contains(id)), "{stored:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_knative_sink_kept_is_the_same_purchase_by_either_road() {
    let scene = Scene::new(Servers::shared()).await;
    let records = died().into_iter().map(|died| Raw {
        partition: Some(0),
        key: Some(b"ada".to_vec()),
        headers: died
            .headers
            .into_iter()
            .map(|(name, value)| (name, Some(value.into_bytes())))
            .collect(),
        value: Some(died.value),
        timestamp_ms: Some(NOON_MS),
    });
    let records: Vec<_> = records.collect();
    topics::produce(&scene.servers.kafka, &scene.topic, &records).await;
    let sink = sink::start(&scene).await;
    // Nobody is at the address of storer.
    let nobody = format!("http://127.0.0.1:{}", e2e::free_port());
    let settings = [("RETRY", "1"), ("DEAD_LETTER_SINK", sink.url.as_str())];
    let source = scene.source(&nobody, &settings).await;
    eventually("four dead letters", async || {
        (list(&scene).await.len() == 4).then_some(())
    })
    .await;
    scene.drained().await;
    assert!(source.stop().await.success());
    let stored = replayed_for_both_roads(&scene, 4).await;
    let at = purchase::Timestamp::from_millis(NOON_MS).unwrap();
    let raw = PurchaseId::raw_record(&scene.topic, 0, 3, at).to_string();
    assert!(stored.contains(&raw), "{stored:?}");
}

/// Why a raw record goes back as what the KafkaSource makes of one: under any other type this would be bought a second time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_earlier_service_stored_is_resolved_and_stays_one_when_it_is_replayed() {
    let scene = Scene::new(Servers::shared()).await;
    let value =
        json!({"username": "Ada", "userid": "ada", "price": 0.1, "item": "tea", "timestamp": TIME});
    let document = doc! {
        "_id": ObjectId::new(), "username": "Ada", "userid": "ada", "price": 0.1, "item": "tea",
        "timestamp": DateTime::from_millis(NOON_MS), "__v": 0,
    };
    let letters = [Keeper::Consumer, Keeper::KafkaSink].map(|keeper| {
        raw(7, &value.to_string()).kept_by(keeper, "purchases", "retries-exhausted", 0)
    });
    topics::produce(&scene.servers.kafka, &scene.dead_letters, &letters).await;
    // Replayed before the old document is there, as if it had come from a backup meanwhile.
    let ran = run(scene.redrive(&["replay", "--execute"])).await;
    assert!(ran.said("replayed 1 of 1 event\n"), "{ran:?}");
    scene.documents().await.insert_one(&document).await.unwrap();
    let resolved = list(&scene).await;
    assert_eq!(resolved.len(), 1);
    assert_eq!(
        (&resolved[0]["state"], &resolved[0]["letters"]),
        (&json!("resolved"), &json!(2))
    );
    let consumer = scene.consumer().await;
    scene.drained().await;
    assert_eq!(documents(&scene).await, [document]);
    assert!(consumer.stop().await.success());
}
