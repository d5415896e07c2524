//! On real servers: the store is away, and what was accepted meanwhile turns stored by itself.

use std::sync::Arc;

use e2e::{Browser, Road, Scene, Servers, Stack};
use serde_json::json;
use testkit::sample::fresh_user;

use crate::look::look;
use crate::shop::{DUCK, KETTLE, NAME};

#[tokio::test]
async fn accepted_turns_stored_in_every_tab_once_the_store_is_back() {
    let own = tokio::task::spawn_blocking(Servers::own).await.unwrap();
    let scene = Scene::on(Arc::new(own)).await;
    let stack = Stack::start(&scene, Road::Source).await;
    let browser = Browser::start().await;
    let list = format!("{}/?user={}", stack.frontend.url(), fresh_user());
    browser.open(&list).await;
    browser.shows("Nothing bought yet").await;
    browser.fill(NAME, "Ada").await;

    scene.servers.run_async(&["kill", "mongod"]).await;
    for (bought, key) in [KETTLE, DUCK, KETTLE].into_iter().enumerate() {
        browser.press(key).await;
        let accepted = |text: &str| count(text, "accepted") == bought + 1;
        browser.until("accepted purchases", accepted).await;
    }
    browser.reload().await;
    let waiting = |text: &str| count(text, "accepted") == 3 && text.contains("safe in the log");
    browser
        .until("three accepted purchases after a reload", waiting)
        .await;
    let first = browser.open_tab().await;
    browser.open(&list).await;
    browser
        .until("three accepted purchases in a second tab", waiting)
        .await;
    browser
        .shows("The list cannot be read right now; trying again.")
        .await;
    look(&browser, "waiting").await;
    let mark = "window.marked = true";
    browser.run(mark, json!([])).await;

    scene.servers.run_async(&["up", "mongod"]).await;
    let stored = |text: &str| count(text, "stored") == 3 && count(text, "accepted") == 0;
    browser
        .until("three stored purchases in the second tab", stored)
        .await;
    let is_marked = "return window.marked === true";
    assert_eq!(browser.run(is_marked, json!([])).await, true, "reloaded");
    browser.use_tab(&first).await;
    browser
        .until("three stored purchases in the first tab", stored)
        .await;
    browser.shows("Purchases\n3\n").await;
    look(&browser, "stored").await;
    browser.end().await;
    stack.stop().await;
}

/// Lines with a stamp that begins so.
fn count(text: &str, stamp: &str) -> usize {
    text.matches(&format!("\n{stamp}")).count()
}
