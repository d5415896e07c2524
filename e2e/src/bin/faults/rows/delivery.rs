//! Deliveries that repeat, contradict or mix: each event is stored once, and what cannot be is buried.

use std::sync::Arc;

use e2e::topics::{self, Raw};
use e2e::{Buried, Delivery, Event, Road, Scene, Servers, answered};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use mongodb::bson::{Document, doc};
use testkit::app::client;
use testkit::oracle::{Oracle, list};
use testkit::random::Random;
use tokio::time::Instant;

use super::Case;
use crate::report::{Report, name_of};

pub(super) const ROADS: [Road; 2] = [Road::Source, Road::Consumer];
/// Deliveries at the same time.
const AT_ONCE: usize = 64;
const USERS: usize = 20;

/// Events of several users, half of them buy's, the others of another producer.
pub(super) fn events(count: usize) -> Vec<Event> {
    let event = |n: usize| {
        let user = format!("user-{}", n % USERS);
        match n % 2 {
            0 => Event::of_buy(&user),
            _ => Event::foreign(&user, n),
        }
    };
    (0..count).map(event).collect()
}

/// Everything that is stored, as the lists show it, compared with what the oracle was told.
pub(super) async fn ask(report: Report, scene: &Scene, oracle: &Oracle) -> Report {
    let query = scene.query().await;
    let mut lists = Vec::new();
    for user in oracle.users() {
        lists.push(list(&client(), &query.url(), &user).await);
    }
    query.stop().await;
    let (listed, documents) = (
        lists.iter().flatten().count() as u64,
        scene.count_documents().await,
    );
    report
        .judged(oracle.judge(&lists))
        .expect(documents == listed, || {
            format!("{documents} documents, but {listed} are listed")
        })
}

/// Row 11. As often as users report it: four of five events come more than once.
pub(crate) async fn repeated(case: Case) -> Vec<Report> {
    let Case {
        servers,
        mut random,
        ..
    } = case;
    let mut copies = Vec::new();
    for (n, event) in events(1_000).into_iter().enumerate() {
        copies.extend(vec![event; 1 + n % 5]);
    }
    random.shuffle(&mut copies);
    let by_source = Scene::on(servers.clone()).await;
    let by_consumer = Scene::on(servers).await;
    vec![
        posted(&by_source, &copies).await,
        produced(&by_consumer, &copies, &mut random).await,
    ]
}

/// Row 11, in the size that the service is meant for.
pub(crate) async fn repeated_at_length(case: Case) -> Vec<Report> {
    let Case {
        servers,
        mut random,
        ..
    } = case;
    let events = events(20_000);
    let mut copies = [&events[..], &events[..]].concat();
    random.shuffle(&mut copies);
    vec![posted(&Scene::on(servers).await, &copies).await]
}

async fn posted(scene: &Scene, copies: &[Event]) -> Report {
    let storer = scene.storer().await;
    let (client, url, oracle) = (client(), storer.url(), Oracle::default());
    let begun = Instant::now();
    let statuses = stream::iter(copies).map(|copy| {
        let (client, url, oracle) = (&client, &url, &oracle);
        async move {
            let status = copy.post(client, url).await;
            if status == 204 {
                copy.promise(oracle);
            }
            status
        }
    });
    let statuses: Vec<_> = statuses.buffer_unordered(AT_ONCE).collect().await;
    let took = begun.elapsed();
    let others: Vec<_> = statuses
        .into_iter()
        .filter(|status| *status != 204)
        .collect();
    let stored = scene.count_documents().await;
    let taken = answered(&storer, "204").await;
    let status = storer.stop().await;
    let report = Report::new(11, name_of(Road::Source))
        .expect(others.is_empty(), || format!("answers {others:?}"))
        .expect(status.success(), || format!("storer ended with {status}"))
        .evidence("duplicates", taken.saturating_sub(stored))
        .evidence(
            "ms for all deliveries",
            u64::try_from(took.as_millis()).unwrap(),
        );
    ask(report, scene, &oracle).await
}

/// The copies of an event lie in any partitions, so that they are also read at the same time.
async fn produced(scene: &Scene, copies: &[Event], random: &mut Random) -> Report {
    let oracle = Oracle::default();
    let delivery = Delivery::start(scene, Road::Consumer).await;
    delivery.deliver(&anywhere(copies, random)).await;
    copies.iter().for_each(|copy| copy.promise(&oracle));
    let (taken, refused) = (delivery.taken().await, delivery.refused().await);
    let stored = scene.count_documents().await;
    delivery.stop().await;
    let report = Report::new(11, name_of(Road::Consumer))
        .expect(refused == 0, || format!("{refused} dead letters"))
        .expect(taken == copies.len() as u64, || {
            format!("{taken} were delivered of {} records", copies.len())
        })
        .evidence("duplicates", taken.saturating_sub(stored));
    ask(report, scene, &oracle).await
}

fn anywhere<'a>(events: impl IntoIterator<Item = &'a Event>, random: &mut Random) -> Vec<Raw> {
    let record = |event: &Event| Raw {
        partition: Some(i32::try_from(random.below(3)).unwrap()),
        ..event.record()
    };
    events.into_iter().map(record).collect()
}

fn in_conflict(event: &Event) -> Buried {
    Buried::new("conflict", event.data().to_string())
}

/// Row 12. Two purchases under one id: the first one stands, the other is buried, and nobody tries it again.
pub(super) async fn conflicting(servers: Arc<Servers>, road: Road, mut random: Random) -> Report {
    const EVENTS: usize = 40;
    let scene = Scene::on(servers).await;
    let delivery = Delivery::start(&scene, road).await;
    let oracle = Oracle::default();
    let mut firsts = events(2 * EVENTS);
    let rivals = firsts.split_off(EVENTS);
    delivery.deliver(&anywhere(&firsts, &mut random)).await;
    firsts.iter().for_each(|event| event.promise(&oracle));

    // Other purchases with those ids, and the first ones again; and pairs that nobody has seen, at the same time.
    let usurpers: Vec<_> = firsts.iter().map(Event::usurped).collect();
    let others: Vec<_> = rivals.iter().map(Event::usurped).collect();
    let mut wave: Vec<_> = [&usurpers, &firsts, &rivals, &others]
        .into_iter()
        .flatten()
        .collect();
    random.shuffle(&mut wave);
    delivery.deliver(&anywhere(wave, &mut random)).await;

    let mut letters: Vec<_> = usurpers.iter().map(in_conflict).collect();
    let documents = scene.documents().await;
    for (one, other) in rivals.iter().zip(&others) {
        let stored = documents
            .find_one(doc! {"_id": one.purchase_id()})
            .await
            .unwrap();
        let other_won =
            stored.is_some_and(|stored| stored.get_str("item").unwrap() == other.intent.item);
        let (winner, loser) = if other_won {
            (other, one)
        } else {
            (one, other)
        };
        winner.promise(&oracle);
        letters.push(in_conflict(loser));
    }
    letters.sort();
    let kept = delivery.buried();
    let judged = (delivery.taken().await, delivery.refused().await);
    delivery.stop().await;
    let count = EVENTS as u64;
    let report = Report::new(12, name_of(road))
        .expect_all("dead letters", &kept, &letters)
        .expect(judged == (3 * count, 2 * count), || {
            format!(
                "taken and refused are {judged:?}, and not {:?}: each record once",
                (3 * count, 2 * count)
            )
        })
        .evidence("conflicts", judged.1);
    ask(report, &scene, &oracle).await
}

/// Row 36. The whole log again, with whatever lies in it, by groups that were never there.
pub(crate) async fn replayed(case: Case) -> Vec<Report> {
    let Case {
        servers,
        mut random,
        ..
    } = case;
    let first = Scene::on(servers).await;
    let purchases = events(500);
    let raw = |n: usize| Raw {
        value: Some(format!(r#"{{"username":"Raw","userid":{},"price":0.1}}"#, n % 9).into_bytes()),
        ..Raw::default()
    };
    let broken = Raw {
        value: Some(b"{broken".to_vec()),
        ..Raw::default()
    };
    let mut records = anywhere(&purchases, &mut random);
    records.extend(anywhere(&purchases[..100], &mut random));
    records.extend((0..100).map(raw));
    records.push(broken);
    random.shuffle(&mut records);
    topics::produce(&first.servers.kafka, &first.topic, &records).await;
    // Behind all the others, so that these are the ones that are refused, each time.
    let usurpers: Vec<_> = purchases[..50].iter().map(Event::usurped).collect();

    let mut reports = Vec::new();
    let mut stored = Vec::new();
    for (nth, road) in [Road::Source, Road::Consumer, Road::Source]
        .into_iter()
        .enumerate()
    {
        let scene = Scene {
            group: format!("{}-{nth}", first.group),
            ..first.clone()
        };
        let delivery = Delivery::start(&scene, road).await;
        scene.drained().await;
        if nth == 0 {
            delivery.deliver(&anywhere(&usurpers, &mut random)).await;
            stored = documents(&scene).await;
            delivery.stop().await;
            continue;
        }
        let (again, taken, refused) = (
            documents(&scene).await,
            delivery.taken().await,
            delivery.refused().await,
        );
        delivery.stop().await;
        reports.push(
            Report::new(36, name_of(road))
                .counted(records.len() + usurpers.len(), stored.len(), again.len())
                .expect(again == stored, || {
                    format!(
                        "{} documents before and {} after it, or others",
                        stored.len(),
                        again.len()
                    )
                })
                .expect(stored.len() == 600, || {
                    format!("{} documents of 600", stored.len())
                })
                .expect(refused == 51, || format!("{refused} refused, and not 51"))
                .evidence("delivered again", taken + refused),
        );
    }
    reports
}

async fn documents(scene: &Scene) -> Vec<Document> {
    let found = scene
        .documents()
        .await
        .find(doc! {})
        .sort(doc! {"_id": 1})
        .await
        .unwrap();
    found.try_collect().await.unwrap()
}
