//! The routes of storer and of query on one port.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

use std::sync::Arc;

use delivery::{Recorder, RecorderOptions};
use purchase::Stamp;
use query::Query;
use serde_json::{Value, json};
use serve::App;
use storer::Storer;
use testkit::app::{TestApp, client};
use testkit::file::SqliteFile;

async fn consumer(file: &SqliteFile) -> TestApp {
    let store = Arc::new(file.sqlite.store());
    let storer = Storer {
        recorder: Recorder::start(store.clone(), RecorderOptions::default()),
        stamp: Stamp::system(),
    };
    let routes = consumer::routes(storer, Query::new(store));
    TestApp::start(App::new("consumer", consumer::HINT, routes).build()).await
}

#[tokio::test]
async fn a_direct_purchase_and_an_event_are_in_every_list() {
    let file = SqliteFile::open();
    let app = consumer(&file).await;
    let client = client();
    let data = json!({"username": "Ada", "userid": "ada", "price": 2, "timestamp": "2026-01-31T12:00:00.000Z"});
    let direct = client
        .post(format!("{}/purchases", app.url))
        .header("content-type", "application/json")
        .body(data.to_string());
    assert_eq!(direct.send().await.unwrap().status(), 201);
    let event = client
        .post(&app.url)
        .header("ce-specversion", "1.0")
        .header("ce-id", "01936f2e-8a3c-7b41-9c55-1f0e6d2a7b10")
        .header("ce-source", "/user-buy-list/buy")
        .header("ce-type", "dev.userbuylist.purchase.recorded.v1")
        .header("content-type", "application/json")
        .body(data.to_string());
    assert_eq!(event.send().await.unwrap().status(), 204);
    for path in ["/purchases", "/purchases/ada", "/getAllUserBuys/ada"] {
        let list = client
            .get(format!("{}{path}", app.url))
            .send()
            .await
            .unwrap();
        let list: Value = serde_json::from_str(&list.text().await.unwrap()).unwrap();
        assert_eq!(list.as_array().unwrap().len(), 2, "{path}");
    }
}

#[tokio::test]
async fn an_address_of_both_functions_names_the_methods_of_both() {
    let file = SqliteFile::open();
    let app = consumer(&file).await;
    let refused = client()
        .delete(format!("{}/purchases", app.url))
        .send()
        .await
        .unwrap();
    assert_eq!(refused.status(), 405);
    let allowed = refused.headers()["allow"].to_str().unwrap();
    assert!(
        allowed.contains("GET") && allowed.contains("POST"),
        "{allowed}"
    );
    assert_eq!(
        refused.headers()["content-type"],
        "application/problem+json"
    );
}
