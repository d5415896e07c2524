//! A list as JSON, line by line or as a table, and no second time for whoever has it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

mod support;

use std::collections::HashSet;

use purchase::{Item, Purchase, PurchaseId};
use serde_json::Value;
use support::{Fixture, fixture, listed};
use testkit::sample::{self, NOON_MS};

const LIST: &str = "/getAllUserBuys/ada";
const NDJSON: &str = "application/x-ndjson";
const CSV: &str = "text/csv";

async fn fixture_of(count: usize) -> (Fixture, Vec<Purchase>) {
    let fixture = fixture();
    let items = ["tea", "=cmd|' /C calc'!A0", "a,\"b\"", "日本 🍵", "-1"];
    let purchases: Vec<_> = (0..count)
        .map(|n| {
            let mut purchase = sample::at("ada", NOON_MS + n as i64);
            purchase.item = items.get(n % 6).map(|item| Item::recorded(*item).unwrap());
            purchase
        })
        .collect();
    fixture.store(&purchases).await;
    (fixture, purchases)
}

fn lines(ndjson: &str) -> Vec<Value> {
    assert!(ndjson.is_empty() || ndjson.ends_with('\n'));
    ndjson
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn table(csv: &str) -> Vec<csv::StringRecord> {
    assert!(csv.ends_with("\r\n"));
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let head: Vec<_> = reader.headers().unwrap().iter().collect();
    assert_eq!(
        head,
        ["id", "username", "userid", "item", "price", "timestamp"]
    );
    reader.records().map(Result::unwrap).collect()
}

#[tokio::test]
async fn every_format_has_the_same_purchases_at_every_length() {
    for count in [0, 1, 499, 500, 501, 1_000, 1_201] {
        let (fixture, purchases) = fixture_of(count).await;
        for query in ["", "?limit=1000"] {
            let uri = format!("{LIST}{query}");
            let json = fixture.get(&uri).await;
            let expected: Vec<Value> = serde_json::from_str(&json.body).unwrap();
            assert_eq!(
                expected.len(),
                count.min(if query.is_empty() { count } else { 1_000 })
            );

            let ndjson = fixture.ask(&uri, &[("accept", NDJSON)]).await;
            assert_eq!(ndjson.header("content-type"), Some(NDJSON));
            assert_eq!(lines(&ndjson.body), expected);

            let csv = fixture.ask(&uri, &[("accept", CSV)]).await;
            assert_eq!(
                csv.header("content-type"),
                Some("text/csv; charset=utf-8; header=present")
            );
            assert_eq!(
                csv.header("content-disposition"),
                Some("attachment; filename=\"purchases-ada.csv\"")
            );
            let rows = table(&csv.body);
            let ids: Vec<PurchaseId> = rows.iter().map(|row| row[0].parse().unwrap()).collect();
            assert_eq!(ids, listed(&purchases)[..expected.len()]);
            for (row, purchase) in rows.iter().zip(&expected) {
                let item = purchase["item"].as_str().unwrap_or_default();
                let defused = item.starts_with(['=', '-']);
                assert_eq!(row[3], format!("{}{item}", if defused { "'" } else { "" }));
                assert_eq!(row[4], purchase["price"].to_string());
                assert_eq!(row[5], *purchase["timestamp"].as_str().unwrap());
            }
            for answer in [&json, &ndjson, &csv] {
                assert_eq!(answer.header("vary"), Some("accept"));
                assert_eq!(answer.header("link"), csv.header("link"));
            }
        }
    }
}

#[tokio::test]
async fn whoever_has_a_page_gets_it_again_only_when_it_changed() {
    let (fixture, _) = fixture_of(7).await;
    let uri = format!("{LIST}?limit=5");
    let mut tags = Vec::new();
    for accept in ["application/json", NDJSON, CSV] {
        let ask = async |tag: &str| {
            fixture
                .ask(&uri, &[("accept", accept), ("if-none-match", tag)])
                .await
        };
        let first = ask("\"other\"").await;
        assert_eq!(first.status, 200);
        let tag = first.header("etag").unwrap().to_owned();
        let again = ask(&format!("\"other\", {tag}")).await;
        assert_eq!((again.status.as_u16(), again.body.as_str()), (304, ""));
        assert_eq!(again.header("etag"), Some(&*tag));
        for header in ["link", "vary"] {
            assert_eq!(again.header(header), first.header(header));
        }
        for header in ["content-type", "content-disposition"] {
            assert_eq!(again.header(header), None, "{header}");
        }
        tags.push((accept, tag));
    }
    fixture.store(&[sample::at("ada", NOON_MS + 100)]).await;
    for (accept, tag) in &tags {
        let headers = [("accept", *accept), ("if-none-match", tag)];
        let changed = fixture.ask(&uri, &headers).await;
        assert_eq!(changed.status, 200, "{accept}");
        assert_ne!(changed.header("etag"), Some(&**tag));
    }
    let different: HashSet<_> = tags.iter().map(|(_, tag)| tag).collect();
    assert_eq!(different.len(), 3, "{tags:?}");
}

#[tokio::test]
async fn a_page_that_goes_on_has_another_tag_than_the_same_one_that_ends() {
    let (fixture, _) = fixture_of(5).await;
    let uri = format!("{LIST}?limit=5");
    let ends = fixture.get(&uri).await;
    fixture.store(&[sample::at("ada", NOON_MS - 1)]).await;
    let goes_on = fixture.get(&uri).await;
    assert_eq!(ends.body, goes_on.body);
    assert_ne!(ends.header("etag"), goes_on.header("etag"));
}

#[tokio::test]
async fn only_short_pages_that_nobody_waits_for_have_a_tag() {
    let (fixture, purchases) = fixture_of(3).await;
    let contains = format!("?limit=5&contains={}", purchases[0].id);
    for (query, tagged) in [
        ("?limit=500", true),
        ("?limit=501", false),
        ("", false),
        (&*contains, false),
    ] {
        let answer = fixture.get(&format!("{LIST}{query}")).await;
        assert_eq!(answer.header("etag").is_some(), tagged, "{query}");
    }
    assert!(fixture.get("/purchases").await.header("etag").is_some());
}
