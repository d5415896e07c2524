//! Records that nobody should write.

use std::sync::Arc;

use e2e::topics::{self, Raw, header};
use e2e::{Buried, Delivery, Event, Program, Road, Scene, Servers};
use futures_util::TryStreamExt as _;
use mongodb::bson::{Document, doc};
use rdkafka::message::{Message as _, OwnedMessage};
use serde_json::json;

use crate::report::{Report, name_of};

/// What becomes of a record.
enum Fate {
    /// A purchase of this user.
    Stored(&'static str),
    /// For this reason.
    Buried(&'static str),
    /// A purchase of this user, unless a KafkaSource delivers it, which loses it.
    LostBySource(&'static str),
}

pub(super) fn raw(headers: &[(&str, Option<&str>)], value: Option<&str>) -> Raw {
    let headers = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.map(Into::into)));
    Raw {
        partition: Some(0),
        headers: headers.collect(),
        value: value.map(Into::into),
        ..Raw::default()
    }
}

/// An event of buy's, with other headers behind its own, which count if they have the same name.
fn event(other: &[(&str, Option<&str>)], value: &str) -> Raw {
    let mut record = Event::of_buy("odd").record();
    record.headers.extend(raw(other, None).headers);
    Raw {
        partition: Some(0),
        value: Some(value.into()),
        ..record
    }
}

pub(super) fn purchase_of(userid: &str) -> String {
    json!({"username": "Odd", "userid": userid, "price": 2}).to_string()
}

/// A purchase that makes a record of so many bytes, but for a little that Kafka adds to each.
fn large(bytes: usize) -> String {
    json!({"username": "x".repeat(bytes - 300), "userid": "large", "price": 2}).to_string()
}

/// A header without a value on a raw record. In a KafkaSource it takes every raw record of its poll along.
fn null_header() -> (Raw, Fate) {
    (
        raw(&[("note", None)], Some(&purchase_of("null-header"))),
        Fate::LostBySource("null-header"),
    )
}

/// Records that nobody should write.
fn odd_records() -> Vec<(Raw, Fate)> {
    use Fate::{Buried, LostBySource, Stored};
    let no_text = Some(b"\xff\xfe".to_vec());
    let malformed = || Buried("malformed");
    let purchase = purchase_of("odd");
    let mut strange = raw(
        &[("CE_ID", Some("1")), ("", Some("x")), ("ł ł", Some("ł"))],
        Some(&purchase_of("strange")),
    );
    strange.headers.push(("note".to_owned(), no_text.clone()));
    vec![
        (raw(&[], None), malformed()),
        (raw(&[], Some("")), malformed()),
        (raw(&[], Some("{broken")), malformed()),
        (raw(&[], Some("[1,2]")), malformed()),
        (
            Raw {
                value: no_text,
                ..raw(&[], None)
            },
            malformed(),
        ),
        (
            raw(&[], Some(r#"{"username":{},"userid":"odd","price":2}"#)),
            Buried("invalid"),
        ),
        (event(&[], "{broken"), malformed()),
        (event(&[], ""), malformed()),
        (
            event(&[], r#"{"username":"Odd","userid":"odd","price":[2]}"#),
            Buried("invalid"),
        ),
        (
            event(&[("ce_type", Some("dev.other.v1"))], &purchase),
            Buried("unknown-type"),
        ),
        (
            event(&[("ce_id", Some("no-uuid"))], &purchase),
            Buried("invalid"),
        ),
        (
            event(&[("ce_note", Some("a\r\nce-id: b"))], &purchase_of("cr-lf")),
            LostBySource("cr-lf"),
        ),
        // What is no event is read as a raw record.
        (
            event(&[("ce_time", Some("yesterday"))], &purchase_of("no-time")),
            Stored("no-time"),
        ),
        (
            raw(
                &[("ce_specversion", Some("1.0"))],
                Some(&purchase_of("no-id")),
            ),
            Stored("no-id"),
        ),
        (strange, Stored("strange")),
        (raw(&[], Some(&large(128 * 1024))), Stored("large")),
    ]
}

/// Whose purchases are stored.
async fn users(scene: &Scene) -> Vec<String> {
    let documents = scene.documents().await.find(doc! {}).await.unwrap();
    let user = async |document: Document| Ok(document.get_str("userid").unwrap().to_owned());
    let mut users: Vec<_> = documents.and_then(user).try_collect().await.unwrap();
    users.sort();
    users
}

/// Row 14. Each of them with a good record behind it, in one partition.
pub(super) async fn poison(servers: Arc<Servers>, road: Road) -> Report {
    let scene = Scene::on(servers.clone()).await;
    // A header that cannot be sent is tried again like any other failure, by the real one for a day too; here for less.
    let delivery = Delivery::start_with(&scene, road, &[("RETRY", "3")]).await;
    let (mut stored, mut letters, mut lost) = (Vec::new(), Vec::new(), 0);
    let mut expect = |record: &Raw, fate| match fate {
        Fate::LostBySource(_) if road == Road::Source => lost += 1,
        Fate::Stored(user) | Fate::LostBySource(user) => stored.push(user.to_owned()),
        Fate::Buried(reason) => {
            letters.push(Buried::new(
                reason,
                record.value.clone().unwrap_or_default(),
            ));
        }
    };
    let (record, fate) = null_header();
    expect(&record, fate);
    delivery.deliver(std::slice::from_ref(&record)).await;
    let mut records = vec![record];
    for (odd, fate) in odd_records() {
        let good = raw(&[], Some(&purchase_of("good")));
        expect(&odd, fate);
        expect(&good, Fate::Stored("good"));
        records.extend([odd, good]);
    }
    delivery.deliver(&records[1..]).await;
    stored.sort();
    letters.sort();
    let (users, kept) = (users(&scene).await, delivery.buried());
    let report = Report::new(14, name_of(road))
        .counted(
            stored.len() + letters.len() + lost,
            stored.len(),
            users.len(),
        )
        .expect_all("users of what is stored", &users, &stored)
        .expect_all("dead letters", &kept, &letters)
        .evidence("refused", delivery.refused().await);
    let report = match road {
        Road::Source => losses_are_told(report, &delivery.programs[0], lost).await,
        Road::Consumer => places_are_named(report, &scene, &records),
    };
    delivery.stop().await;
    as_large_as_can_be(report, servers, road).await
}

async fn losses_are_told(report: Report, source: &Program, lost: usize) -> Report {
    let told = source.metric("kafka_source_events_lost_total").await;
    let said = source.said();
    report
        .expect(
            said.matches("EVENT LOST").count() == lost && said.contains("null-header"),
            || format!("the losses are not told:\n{said}"),
        )
        .expect(told == lost as u64, || {
            format!("{told} losses are counted, and not {lost}")
        })
        .evidence("lost as by the real one", told)
}

/// Each letter says where its record lies.
fn places_are_named(report: Report, scene: &Scene, records: &[Raw]) -> Report {
    let letters = topics::read_all(&scene.servers.kafka, &scene.dead_letters);
    let is_stray = |letter: &&OwnedMessage| {
        let offset: usize = header(letter, "dl_offset").unwrap().parse().unwrap();
        let lies_there = records[offset].value.as_deref().unwrap_or_default();
        lies_there != letter.payload().unwrap_or_default()
    };
    let strays = letters.iter().filter(is_stray).count();
    report.expect(strays == 0, || {
        format!("{strays} dead letters name another record's place")
    })
}

/// The largest records of a topic that nobody has configured, and so are dead letters: with what is said about one, a record
/// does not fit into such a topic again.
async fn as_large_as_can_be(report: Report, servers: Arc<Servers>, road: Road) -> Report {
    const DEFAULT: u32 = 1_048_588;
    let bytes = usize::try_from(DEFAULT).unwrap();
    let scene = Scene::with_limits(servers, DEFAULT, DEFAULT).await;
    let delivery = Delivery::start(&scene, road).await;
    let broken = "{".repeat(bytes - 500);
    let records = [
        raw(&[], Some(&large(bytes))),
        event(&[], &broken),
        raw(&[], Some(&purchase_of("last"))),
    ];
    delivery.deliver(&records).await;
    let (users, kept) = (users(&scene).await, delivery.buried());
    delivery.stop().await;
    let is_kept = match road {
        Road::Source => kept.len() == 1 && kept[0].value == broken.as_bytes(),
        Road::Consumer => {
            let letters = topics::read_all(&scene.servers.kafka, &scene.dead_letters);
            let length = Some(broken.len().to_string());
            letters.len() == 1
                && letters[0].payload().unwrap_or_default().is_empty()
                && header(&letters[0], "dl_bytes") == length
                && header(&letters[0], "dl_sha256").is_some_and(|hash| hash.len() == 64)
        }
    };
    report
        .expect(users == ["large", "last"], || {
            format!("of the largest, stored are {users:?}")
        })
        .expect(is_kept, || {
            let lengths: Vec<_> = kept
                .iter()
                .map(|letter| (&letter.reason, letter.value.len()))
                .collect();
            format!("the largest that cannot be stored is not kept as it should be: {lengths:?}")
        })
}
