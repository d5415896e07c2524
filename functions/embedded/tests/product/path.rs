//! One purchase, all the way, through every door of the process.

use serde_json::{Value, json};
use testkit::app::client;
use testkit::eventually;
use testkit::oracle::{self, Intent, Oracle, Outcome};
use testkit::product::Product;

use crate::product::new_folder;

async fn post(url: &str, key: Option<&str>, body: &Value) -> (u16, Value) {
    let mut request = client()
        .post(url)
        .header("content-type", "application/json")
        .body(body.to_string());
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    (
        status,
        serde_json::from_str(&answer.text().await.unwrap()).unwrap(),
    )
}

#[tokio::test]
async fn the_same_key_again_is_the_same_purchase_later_at_once_and_after_a_restart() {
    let folder = new_folder();
    let product = Product::start(&folder).await;
    let oracle = Oracle::default();
    let client = client();
    let intent = Intent::new("ada", true);
    let first = oracle.buy(&client, &product.page, &intent).await;
    assert!(matches!(first, Outcome::Accepted(_)));
    eventually("the purchase in the list", async || {
        oracle::list(&client, &product.page, "ada").await.pop()
    })
    .await;
    let original = oracle::list(&client, &product.page, "ada").await;
    // Two seconds are part of the claim: a later time of purchase must not make it another one.
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    assert_eq!(oracle.buy(&client, &product.buy, &intent).await, first);
    let at_once = (0..50).map(|_| oracle.buy(&client, &product.buy, &intent));
    for outcome in futures_util::future::join_all(at_once).await {
        assert_eq!(outcome, first);
    }
    product.stop().await;
    let product = Product::start(&folder).await;
    assert_eq!(oracle.buy(&client, &product.page, &intent).await, first);
    // Another key behind it in the log: when that is listed, the repetitions have been delivered.
    let last = Intent::new("bob", true);
    oracle.buy(&client, &product.page, &last).await;
    eventually("the last purchase", async || {
        oracle::list(&client, &product.page, "bob").await.pop()
    })
    .await;
    assert_eq!(
        oracle::list(&client, &product.page, "ada").await,
        original,
        "the first one stands"
    );
    product.stop().await;
    assert_eq!(folder.count("log"), 0);
    assert_eq!(folder.count("dead_letters"), 0);
    assert_eq!(folder.count("purchases"), 2);
}

#[tokio::test]
async fn what_cannot_be_stored_is_kept_as_a_dead_letter_and_nothing_waits_behind_it() {
    let folder = new_folder();
    let product = Product::start(&folder).await;
    let client = client();
    // The id that the keyed purchase below will get is taken by other content: an impossible thing, made by hand.
    let body = json!({"username": "Ada", "userid": "ada", "item": "tea", "price": 1});
    let (_, direct) = post(&format!("{}/purchases", product.storer), Some("k"), &body).await;
    let id = direct["purchase"]["id"].as_str().unwrap();
    folder
        .open_database()
        .execute("UPDATE purchases SET item = 'coffee' WHERE id = ?1", [id])
        .unwrap();
    let broken = "INSERT INTO log (event) VALUES ('{\"specversion\":\"1.0\"}'), ('no json')";
    folder.open_database().execute_batch(broken).unwrap();
    let (status, answer) = post(&format!("{}/buy", product.buy), Some("k"), &body).await;
    assert_eq!((status, answer["purchase"]["id"].as_str()), (201, Some(id)));
    let oracle = Oracle::default();
    oracle
        .buy(&client, &product.buy, &Intent::new("bob", false))
        .await;
    eventually("the purchase behind them", async || {
        oracle::list(&client, &product.page, "bob").await.pop()
    })
    .await;
    product.stop().await;
    let letters: Vec<(String, String)> = folder
        .open_database()
        .prepare("SELECT reason, event FROM dead_letters ORDER BY position")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let reasons: Vec<_> = letters.iter().map(|(reason, _)| reason.as_str()).collect();
    assert_eq!(reasons, ["malformed", "malformed", "conflict"]);
    assert_eq!(letters[1].1, "no json", "the original bytes are kept");
    assert!(letters[2].1.contains(id));
}
