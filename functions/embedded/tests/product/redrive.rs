//! Dead letters back into delivery, beside a running product and without one.

use std::process::{Command, Output};

use purchase::event::structured;
use purchase::{Purchase, PurchaseEvent, PurchaseId, Timestamp};
use serde_json::Value;
use testkit::app::client;
use testkit::product::{Folder, Product};
use testkit::{eventually, oracle, sample};

use crate::product::new_folder;

fn redrive(folder: &Folder, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_user-buy-list"));
    command.env_clear().arg("redrive").args(words);
    command
        .arg("--data-dir")
        .arg(folder.path())
        .output()
        .unwrap()
}

/// What it printed; it must have done what it should.
fn said(folder: &Folder, words: &[&str]) -> String {
    let output = redrive(folder, words);
    let text = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        (output.status.code(), &*errors),
        (Some(0), ""),
        "{words:?}: {text}"
    );
    text
}

fn bury(folder: &Folder, position: i64, event: &str, reason: &str) {
    let sql = "INSERT INTO dead_letters (position, event, reason, detail, attempts, died_at) VALUES (?1, ?2, ?3, 'why', 1, ?4)";
    let died_at = sample::NOON_MS + position;
    let row = (position, event, reason, died_at);
    folder.open_database().execute(sql, row).unwrap();
}

fn event_of(purchase: &Purchase) -> String {
    let event = PurchaseEvent {
        purchase: purchase.clone(),
        traceparent: None,
    };
    structured::write(&event.to_cloudevent())
}

/// Letters of ten events that can be stored, one of them twice and one a raw record of earlier times, and of four that cannot.
fn bury_all(folder: &Folder) -> Vec<String> {
    let purchases: Vec<_> = (0..9).map(|_| sample::purchase("ada")).collect();
    for (purchase, position) in purchases.iter().zip(1_000..) {
        bury(folder, position, &event_of(purchase), "retries-exhausted");
    }
    bury(folder, 1_009, &event_of(&purchases[0]), "retries-exhausted");
    let raw = r##"{"specversion":"1.0","type":"dev.knative.kafka.event","source":"/x#purchases","id":"partition:2/offset:41",
        "time":"2026-01-31T12:00:00Z","data":{"username":"Ada","userid":"ada","price":-1234567890.12345678}}"##;
    bury(folder, 1_010, raw, "invalid");
    bury(folder, 1_011, "no json", "malformed");
    bury(folder, 1_012, r#"{"specversion":"1.0"}"#, "malformed");
    bury(
        folder,
        1_013,
        &event_of(&sample::purchase("ada")),
        "conflict",
    );
    let unknown =
        r#"{"specversion":"1.0","type":"order.made","source":"/shop","id":"7","data":{}}"#;
    bury(folder, 1_014, unknown, "unknown-type");
    let at = Timestamp::from_millis(sample::NOON_MS).unwrap();
    let raw_id = PurchaseId::raw_record("purchases", 2, 41, at);
    let ids = purchases.iter().map(|purchase| purchase.id);
    let mut ids: Vec<_> = ids.chain([raw_id]).map(|id| id.to_string()).collect();
    ids.sort();
    ids
}

async fn listed(product: &Product) -> Vec<String> {
    let list = oracle::list(&client(), &product.page, "ada").await;
    let mut ids: Vec<_> = list.into_iter().map(|purchase| purchase.id).collect();
    ids.sort();
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_a_running_product_everything_that_can_be_is_stored_once() {
    let folder = new_folder();
    let product = Product::start(&folder).await;
    let ids = bury_all(&folder);
    let dry = said(&folder, &["replay"]);
    assert!(
        dry.starts_with("would replay 10 of 14 events: run it again with --execute\n"),
        "{dry}"
    );
    let text = said(&folder, &["replay", "--execute"]);
    assert!(text.starts_with("replayed 10 of 14 events\n"), "{text}");
    eventually("ten purchases in the list", async || {
        (listed(&product).await == ids).then_some(())
    })
    .await;
    let again = said(&folder, &["replay", "--execute"]);
    assert!(again.starts_with("replayed 0 of 14 events\n"), "{again}");
    for line in [
        "9  resolved   retries-exhausted",
        "1  resolved   invalid",
        "1  held       conflict",
        "2  cannot     malformed",
        "1  cannot     unknown-type",
    ] {
        assert!(again.contains(line), "{line}: {again}");
    }
    let included = said(&folder, &["replay", "--execute", "--include", "conflict"]);
    assert!(
        included.starts_with("replayed 1 of 14 events\n"),
        "{included}"
    );
    eventually("the eleventh purchase", async || {
        (listed(&product).await.len() == 11).then_some(())
    })
    .await;
    product.stop().await;
    assert_eq!((folder.count("purchases"), folder.count("log")), (11, 0));
    assert_eq!(
        folder.count("dead_letters"),
        15,
        "none is added and none removed"
    );
    assert_eq!(folder.integrity(), "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_replayed_without_a_product_is_delivered_by_the_next_one() {
    let folder = new_folder();
    Product::start(&folder).await.stop().await;
    let ids = bury_all(&folder);
    for _ in 0..2 {
        // Nobody delivers, so nothing is resolved: what is repeated is the same event again.
        let text = said(&folder, &["replay", "--execute"]);
        assert!(text.starts_with("replayed 10 of 14 events\n"), "{text}");
    }
    assert_eq!((folder.count("log"), folder.count("purchases")), (20, 0));
    let product = Product::start(&folder).await;
    eventually("ten purchases in the list", async || {
        (listed(&product).await == ids).then_some(())
    })
    .await;
    product.stop().await;
    assert_eq!(
        (folder.count("purchases"), folder.count("dead_letters")),
        (10, 15)
    );
}

#[tokio::test]
async fn the_commands_of_the_readme_do_what_it_says() {
    let folder = new_folder();
    Product::start(&folder).await.stop().await;
    let purchase = sample::purchase("ada");
    let id = purchase.id.to_string();
    bury(&folder, 1, &event_of(&purchase), "retries-exhausted");
    let readme = include_str!("../../../../README.md").lines();
    let commands = readme.filter_map(|line| {
        line.strip_prefix("cargo run --release -- redrive ")?
            .split('#')
            .next()
    });
    let expected = [
        &*id,
        "would replay 1 of 1 event: run it again with --execute\n",
        "replayed 1 of 1 event\n",
    ];
    let commands: Vec<_> = commands.collect();
    assert_eq!(commands.len(), expected.len());
    for (words, expected) in commands.into_iter().zip(expected) {
        let words: Vec<_> = words.split_whitespace().collect();
        let text = said(&folder, &words);
        assert!(text.contains(expected), "{words:?}: {text}");
    }
    let shown = said(&folder, &["show", &id]);
    assert!(shown.contains("\"userid\":\"ada\""), "{shown}");
    let line: Value = serde_json::from_str(&said(&folder, &["list", "--json"])).unwrap();
    assert_eq!(line["place"], "dead_letters/1");
}

#[test]
fn a_folder_without_a_database_is_refused_and_stays_as_it_is() {
    let folder = new_folder();
    let output = redrive(&folder, &["list"]);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{errors}");
    let path = folder.path();
    assert!(
        errors.contains("nothing was ever bought in the data folder"),
        "{errors}"
    );
    assert!(
        errors.contains(&path.display().to_string()) && errors.contains("--data-dir"),
        "{errors}"
    );
    assert!(!path.exists());
}

#[test]
fn wrong_words_end_with_the_code_of_bad_usage() {
    let folder = new_folder();
    for words in [
        &["burn"][..],
        &["replay", "--include", "invalid"],
        &["list", "--since", "noon"],
    ] {
        assert_eq!(redrive(&folder, words).status.code(), Some(64), "{words:?}");
    }
    let unknown = Command::new(env!("CARGO_BIN_EXE_user-buy-list"))
        .arg("--nonsense")
        .output()
        .unwrap();
    assert_eq!(unknown.status.code(), Some(64));
}
