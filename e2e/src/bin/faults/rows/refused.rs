//! What cannot be stored, among what can: it becomes a dead letter, and nothing waits behind it but for that.

use std::pin::Pin;
use std::sync::Arc;

use e2e::topics::{self, Raw};
use e2e::{Buried, Delivery, Event, Road, Scene, Servers, answered, within};
use futures_util::FutureExt as _;
use serde_json::Value;
use testkit::app::client;
use testkit::oracle::Oracle;
use testkit::random::Random;

use super::delivery::{ROADS, ask, conflicting, events};
use super::poison::{poison, purchase_of, raw};
use super::{Case, GROUP_MAX, Running, beside};
use crate::report::{Report, name_of};

/// Rows 12 to 15, which hardly disturb each other.
pub(crate) async fn refused(case: Case) -> Vec<Report> {
    let Case {
        servers,
        mut random,
        ..
    } = case;
    let mut rows: Vec<(u8, Running)> = Vec::new();
    for road in ROADS {
        let (servers, random) = (servers.clone(), Random::seeded(random.number()));
        let mut add = |number, row: Pin<Box<dyn Future<Output = Report>>>| {
            rows.push((number, Box::pin(row.map(|report| vec![report]))));
        };
        add(12, Box::pin(conflicting(servers.clone(), road, random)));
        add(13, Box::pin(mixed(servers.clone(), road)));
        add(14, Box::pin(poison(servers.clone(), road)));
        add(15, Box::pin(letters_away(servers, road)));
    }
    beside(rows).await
}

/// What cannot be a purchase, although it is an event.
const INVALID: &str = r#"{"username":"Oracle","userid":"ada","price":-1}"#;

fn invalid(event: &Event) -> Raw {
    Raw {
        value: Some(INVALID.to_owned().into_bytes()),
        ..event.record()
    }
}

/// Row 13. New, stored before, twice in it, and invalid, in one batch.
pub(super) async fn mixed(servers: Arc<Servers>, road: Road) -> Report {
    const EVENTS: usize = 100;
    let scene = Scene::on(servers).await;
    let oracle = Oracle::default();
    let mut old = events(2 * EVENTS);
    let new = old.split_off(EVENTS);
    old.iter()
        .chain(&new)
        .for_each(|event| event.promise(&oracle));
    let report = Report::new(13, name_of(road));
    let report = match road {
        Road::Source => posted_batches(report, &scene, &old, &new).await,
        Road::Consumer => polled_at_once(report, &scene, &old, &new).await,
    };
    ask(report, &scene, &oracle).await
}

/// A KafkaSource sends no batches; whoever does is told which of them were refused.
async fn posted_batches(mut report: Report, scene: &Scene, old: &[Event], new: &[Event]) -> Report {
    let storer = scene.storer().await;
    let invalid: Value = serde_json::from_str(INVALID).unwrap();
    let mixed = old.iter().zip(new).flat_map(|(old, new)| {
        let mut bad = Event::of_buy("ada").structured();
        bad["data"] = invalid.clone();
        [new.structured(), old.structured(), new.structured(), bad]
    });
    let mixed: Vec<_> = mixed.collect();
    let wrong: Vec<_> = (0..mixed.len()).filter(|place| place % 4 == 3).collect();
    let only_old = old.iter().map(Event::structured).collect();
    for (batch, status, wrong) in [
        (only_old, 204, Vec::new()),
        (mixed.clone(), 422, wrong.clone()),
        (mixed, 422, wrong),
    ] {
        let (told, errors) = post_batch(&storer.url(), batch).await;
        report = report.expect((told, &errors) == (status, &wrong), || {
            format!("{told} with the errors {errors:?}, and not {status} with {wrong:?}")
        });
    }
    let refused = answered(&storer, "422").await;
    let status = storer.stop().await;
    report
        .expect(status.success(), || format!("storer ended with {status}"))
        .evidence("batches refused in part", refused)
}

/// The status, and the places of the events that were refused as invalid.
async fn post_batch(url: &str, batch: Vec<Value>) -> (u16, Vec<usize>) {
    let request = client()
        .post(url)
        .header("content-type", "application/cloudevents-batch+json")
        .body(Value::from(batch).to_string());
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let body: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default();
    let errors = body["errors"].as_array().cloned().unwrap_or_default();
    let invalid = errors.iter().filter(|error| error["reason"] == "invalid");
    let place = |error: &Value| usize::try_from(error["index"].as_u64()?).ok();
    (status, invalid.filter_map(place).collect())
}

/// In one partition and there before anybody reads, so that each poll brings of everything.
async fn polled_at_once(report: Report, scene: &Scene, old: &[Event], new: &[Event]) -> Report {
    let in_one = |raw: Raw| Raw {
        partition: Some(1),
        ..raw
    };
    let (kafka, topic) = (&scene.servers.kafka, &scene.topic);
    let first: Vec<_> = old.iter().map(|event| in_one(event.record())).collect();
    let delivery = Delivery::start(scene, Road::Consumer).await;
    delivery.deliver(&first).await;
    delivery.stop().await;
    let mixed: Vec<_> = old
        .iter()
        .zip(new)
        .flat_map(|(old, new)| [new.record(), old.record(), new.record(), invalid(old)].map(in_one))
        .collect();
    topics::produce(kafka, topic, &mixed).await;
    let delivery = Delivery::start(scene, Road::Consumer).await;
    scene.drained().await;
    let judged = (delivery.taken().await, delivery.refused().await);
    let kept = delivery.buried();
    delivery.stop().await;
    let count = old.len();
    let letters = vec![Buried::new("invalid", INVALID); count];
    let count = count as u64;
    report
        .expect(judged == (3 * count, count), || {
            format!(
                "taken and refused are {judged:?}, and not {:?}",
                (3 * count, count)
            )
        })
        .expect_all("dead letters", &kept, &letters)
        .evidence("duplicates", judged.0.saturating_sub(count))
        .evidence("invalid", judged.1)
}

/// Burials that failed since the delivery was last started.
fn refusals(delivery: &Delivery) -> u64 {
    match delivery.road {
        Road::Source => delivery.sink.refused(),
        Road::Consumer => {
            let said = delivery.programs[0].said();
            said.matches("dead letters wait to be written").count() as u64
        }
    }
}

/// Waits until a burial has failed and positions were committed after that; gives the one of the first partition.
async fn held_up(delivery: &Delivery, refusals_before: u64) -> i64 {
    within(GROUP_MAX, "a burial that fails", async || {
        (refusals(delivery) > refusals_before).then_some(())
    })
    .await;
    let scene = &delivery.scene;
    let in_others = [1, 2].map(|partition| Raw {
        partition: Some(partition),
        ..raw(&[], Some(&purchase_of("later")))
    });
    topics::produce(&scene.servers.kafka, &scene.topic, &in_others).await;
    within(
        GROUP_MAX,
        "the other partitions to be committed",
        async || {
            let positions = scene.positions().await;
            let are_done = positions[1..]
                .iter()
                .all(|position| position.committed == position.end);
            are_done.then_some(positions[0].committed)
        },
    )
    .await
}

/// Row 15. A dead letter that cannot be written holds up its partition, also over a kill, and only its own.
pub(super) async fn letters_away(servers: Arc<Servers>, road: Road) -> Report {
    /// Where the first record lies that cannot be stored.
    const POISON: i64 = 3;
    let scene = Scene::on(servers.clone()).await;
    let mut delivery = Delivery::start(&scene, road).await;
    match road {
        Road::Source => delivery.sink.refuse(true),
        Road::Consumer => topics::delete(&servers.kafka, &scene.dead_letters).await,
    }
    let broken = |n: usize| raw(&[], Some(&format!("{{broken {n}")));
    let mut records: Vec<_> = (0..9)
        .map(|n| raw(&[], Some(&purchase_of(&format!("user-{n}")))))
        .collect();
    records[usize::try_from(POISON).unwrap()] = broken(1);
    records[7] = broken(2);
    topics::produce(&servers.kafka, &scene.topic, &records).await;
    let before = held_up(&delivery, 0).await;
    delivery.programs[0].kill().await;
    let refused = delivery.sink.refused();
    delivery.programs[0].revive().await;
    let after = held_up(&delivery, refused).await;
    let refusals = refusals(&delivery);
    match road {
        Road::Source => delivery.sink.refuse(false),
        Road::Consumer => {
            topics::create(&servers.kafka, &scene.dead_letters, 1, 2 * 1024 * 1024).await;
        }
    }
    scene.drained().await;
    let kept = delivery.buried();
    let documents = scene.count_documents().await;
    delivery.stop().await;
    let letters = [1, 2].map(|n| Buried::new("malformed", broken(n).value.unwrap()));
    Report::new(15, name_of(road))
        .counted(13, 13, usize::try_from(documents).unwrap() + kept.len())
        .expect(before.max(after) <= POISON, || {
            format!(
                "committed up to {before}, after a kill {after}, and {POISON} could not be buried"
            )
        })
        .expect_all("dead letters", &kept, &letters)
        .expect(documents == 11, || format!("{documents} documents of 11"))
        .evidence("kills", 1)
        .evidence("burials refused", refusals)
}
