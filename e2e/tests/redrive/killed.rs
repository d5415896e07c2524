//! A thousand dead letters, and a replay that is interrupted, and killed, in the middle.

use std::collections::BTreeSet;
use std::time::Duration;

use e2e::topics::{self, Raw};
use e2e::{Scene, Servers};
use futures_util::TryStreamExt as _;
use mongodb::bson::{DateTime, Document, doc};
use rustix::process::Signal;
use testkit::eventually;
use testkit::process::Process;
use testkit::sample::NOON_MS;
use tokio::time::sleep;

use crate::buried::{Keeper, bought, event_of, purchase, raw, raw_id};
use crate::terminal::run;

/// Letters of each kind, half of them by consumer and half by a KafkaSink.
const EXHAUSTED: usize = 600;
const MALFORMED: usize = 200;
const CONFLICT: usize = 100;
const UNKNOWN: usize = 100;

/// One in so many is a raw record, with a price of earlier times.
const RAW_EVERY: usize = 3;

struct Case {
    letters: Vec<Raw>,
    /// Of what shall be stored in the end.
    ids: BTreeSet<String>,
    /// Documents whose ids are taken.
    taken: Vec<Document>,
}

fn case(topic: &str) -> Case {
    let mut case = Case {
        letters: Vec::new(),
        ids: BTreeSet::new(),
        taken: Vec::new(),
    };
    for n in 0..EXHAUSTED + MALFORMED + CONFLICT + UNKNOWN {
        let keeper = [Keeper::Consumer, Keeper::KafkaSink][n % 2];
        let place = i64::try_from(n).unwrap();
        let (died, reason) = if n < EXHAUSTED && n.is_multiple_of(RAW_EVERY) {
            case.ids.insert(raw_id(topic, place));
            let old = format!(r#"{{"username":"Ada","userid":{n},"price":1234567890.12345678}}"#);
            (raw(place, &old), "retries-exhausted")
        } else if n < EXHAUSTED {
            let purchase = purchase(n);
            case.ids.insert(purchase.id.to_string());
            (bought(&purchase), "retries-exhausted")
        } else if n < EXHAUSTED + MALFORMED {
            (raw(place, "{"), "malformed")
        } else if n < EXHAUSTED + MALFORMED + CONFLICT {
            let purchase = purchase(n);
            case.taken.push(doc! {
                "_id": purchase.id.to_string(), "username": "Bob", "userid": "bob", "price": 1,
                "timestamp": DateTime::from_millis(NOON_MS),
            });
            (bought(&purchase), "conflict")
        } else {
            let time = "2026-01-31T12:00:00Z";
            let event = event_of("order.made", "/shop", &format!("order-{n}"), time, "{}");
            (event, "unknown-type")
        };
        case.letters
            .push(died.kept_by(keeper, topic, reason, place));
    }
    case
}

/// How many records are in the topic of purchases.
async fn written(scene: &Scene) -> i64 {
    let positions = scene.positions().await;
    positions.iter().map(|position| position.end).sum()
}

/// A replay that stands still after it has written a part of the events. It goes on in slices until then: it is quicker than
/// it can be watched.
async fn midway(scene: &Scene, part: i64) -> Process {
    const SLICE: Duration = Duration::from_millis(20);
    let words = ["replay", "--execute", "--in-flight", "1"];
    let replay = Process::start(&mut scene.redrive(&words));
    eventually("a part of the events in the log", async || {
        replay.signal(Signal::CONT);
        sleep(SLICE).await;
        replay.signal(Signal::STOP);
        (written(scene).await >= part).then_some(())
    })
    .await;
    replay
}

async fn stored(scene: &Scene) -> BTreeSet<String> {
    let documents = scene.documents().await;
    let found: Vec<Document> = documents
        .find(doc! {})
        .await
        .unwrap()
        .try_collect()
        .await
        .unwrap();
    let ids = found
        .iter()
        .map(|document| document.get_str("_id").unwrap().to_owned());
    let ids: BTreeSet<_> = ids.collect();
    assert_eq!(ids.len(), found.len());
    ids
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_that_is_interrupted_and_killed_and_run_again_stores_everything_once() {
    let scene = Scene::new(Servers::shared()).await;
    let case = case(&scene.topic);
    topics::produce(&scene.servers.kafka, &scene.dead_letters, &case.letters).await;
    scene
        .documents()
        .await
        .insert_many(&case.taken)
        .await
        .unwrap();
    let consumer = scene.consumer().await;

    let dry = run(scene.redrive(&["replay"])).await;
    assert!(
        dry.said("would replay 600 of 1,000 events: run it again with --execute"),
        "{dry:?}"
    );
    assert_eq!(written(&scene).await, 0);

    let mut interrupted = midway(&scene, 50).await;
    interrupted.signal(Signal::INT);
    interrupted.signal(Signal::CONT);
    let status = interrupted.exit_status().await;
    let told = interrupted.said();
    assert_eq!(status.code(), Some(1), "{told}");
    scene.drained().await;
    let by_then = written(&scene).await;
    let first = format!("interrupted: replayed {by_then} of 1,000 events");
    assert!(
        told.contains(&first) && told.contains("running it again is safe"),
        "{told}"
    );

    let mut killed = midway(&scene, by_then + 100).await;
    killed.signal(Signal::KILL);
    assert_eq!(killed.exit_status().await.code(), None, "{}", killed.said());
    scene.drained().await;
    let interrupted_at = by_then;
    let by_then = written(&scene).await;
    println!("it was interrupted at {interrupted_at} and killed at {by_then} of 600 events");
    assert!(by_then < 600, "it was killed too late to show anything");

    let again = run(scene.redrive(&["replay", "--execute"])).await;
    assert_eq!(again.code, Some(0), "{again:?}");
    let replayed = 600 - by_then;
    assert!(
        again.said(&format!("replayed {replayed} of 1,000 events")),
        "{again:?}"
    );
    scene.drained().await;
    let stored = stored(&scene).await;
    let taken = case
        .taken
        .iter()
        .map(|document| document.get_str("_id").unwrap().to_owned());
    let expected: BTreeSet<_> = case.ids.iter().cloned().chain(taken).collect();
    assert!(stored == expected, "{} documents", stored.len());

    let third = run(scene.redrive(&["replay", "--execute"])).await;
    assert_eq!(third.code, Some(0), "{third:?}");
    assert!(third.said("replayed 0 of 1,000 events"), "{third:?}");
    assert_eq!(written(&scene).await, 600, "not one twice");
    let list = run(scene.redrive(&["list"])).await;
    println!("{}", list.out.rsplit("\n\n").next().unwrap());
    for (line, number, example) in [
        ("600  resolved   retries-exhausted", 600, ""),
        (
            "100  held       conflict",
            100,
            "its id is taken by a purchase with other content",
        ),
        (
            "200  cannot     malformed",
            200,
            "the record is not a purchase: EOF",
        ),
        (
            "100  cannot     unknown-type",
            100,
            "events of type order.made are not known here",
        ),
    ] {
        assert!(list.said(line), "{line}: {list:?}");
        let state = line.split_once("  ").unwrap().1;
        let rows = list
            .out
            .lines()
            .filter(|row| row.contains(&format!("  {state}  ")) && row.contains(example));
        // Each of them, and the line that counts them.
        assert_eq!(rows.count(), number + 1, "{line}");
    }
    let letters = topics::read_all(&scene.servers.kafka, &scene.dead_letters);
    assert_eq!(
        letters.len(),
        1_000,
        "nothing died again, and nothing was removed"
    );
    assert!(consumer.stop().await.success());
}
