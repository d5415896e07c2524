//! `scripts/prove.sh`, which e2e on a cluster relies on: it notices what it is there for.

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{get, post};
use e2e::{Road, Scene, Servers, Stack, scratch};
use tempfile::TempDir;
use testkit::app::TestApp;
use testkit::eventually;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::REPOSITORY;

fn prove(base: &str, command: &[&str], deadline_s: u32) -> JoinHandle<Output> {
    let mut prove = Command::new("bash");
    prove
        .arg("scripts/prove.sh")
        .args(command)
        .current_dir(REPOSITORY)
        .env("API_BASE", base)
        .env("PURCHASES", "60")
        .env("PROVE_SETTLE_S", "1")
        .env("PROVE_DEADLINE_S", deadline_s.to_string());
    tokio::task::spawn_blocking(move || prove.output().unwrap())
}

fn said(output: &Output) -> String {
    String::from_utf8([&output.stdout[..], &output.stderr].concat()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_buys_through_an_outage_and_finds_everything_once() {
    let scene = Scene::new(Servers::shared()).await;
    let mut stack = Stack::start(&scene, Road::Consumer).await;
    let folder = TempDir::new_in(scratch()).unwrap();
    let [begun, over] = ["begun", "over"].map(|name| folder.path().join(name));
    let command = format!(
        "touch {}; until [ -e {} ]; do sleep 0.1; done",
        begun.display(),
        over.display()
    );
    let proof = prove(&stack.frontend.url(), &["bash", "-c", &command], 30);
    let exists = async |path: &Path| path.exists().then_some(());
    eventually("the command", async || exists(&begun).await).await;
    for program in [&mut stack.frontend, &mut stack.buy] {
        program.kill().await;
        // Long enough for whoever buys to notice.
        sleep(Duration::from_secs(1)).await;
        program.revive().await;
    }
    std::fs::write(&over, "").unwrap();
    let proved = proof.await.unwrap();
    let said = said(&proved);
    assert!(proved.status.success(), "{said}");
    let (count, rest) = said
        .split_once(" purchases acknowledged, each is listed exactly once; ")
        .unwrap();
    let count: u64 = count.rsplit(' ').next().unwrap().parse().unwrap();
    assert!(count >= 60 && !rest.starts_with("0 requests"), "{said}");
    scene.drained().await;
    assert_eq!(scene.count_documents().await, count);
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_fails_where_purchases_are_missing_or_the_command_fails() {
    let scene = Scene::new(Servers::shared()).await;
    let elsewhere = scene.beside().await;
    let query = elsewhere.query().await;
    let buy = scene.buy(&query.url()).await;
    let missing = prove(&buy.url(), &[], 2).await.unwrap();
    assert_eq!(missing.status.code(), Some(1));
    let why = "the list is not what was acknowledged within 2 s: ";
    assert!(said(&missing).contains(why), "{}", said(&missing));
    let failed = prove(&buy.url(), &["false"], 2).await.unwrap();
    assert_eq!(failed.status.code(), Some(1));
    assert!(said(&failed).contains("false failed"), "{}", said(&failed));
}

/// A shop that acknowledges one id for everything, and lists what it is told to list.
async fn lies(listed: &'static str) -> TestApp {
    let acknowledged = (StatusCode::CREATED, r#"{"purchase":{"id":"one"}}"#);
    let shop = Router::new()
        .route("/buy", post(async move || acknowledged))
        .route("/getAllUserBuys/{user}", get(async move || listed));
    TestApp::start(shop).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_fails_where_something_is_listed_twice_or_was_never_bought() {
    for listed in [
        "{\"id\":\"one\"}\n{\"id\":\"one\"}\n",
        "{\"id\":\"one\"}\n{\"id\":\"two\"}\n",
    ] {
        let mut prove = Command::new("bash");
        prove.arg("scripts/prove.sh").current_dir(REPOSITORY);
        let shop = lies(listed).await;
        prove
            .env("API_BASE", &shop.url)
            .env("PURCHASES", "1")
            .env("PROVE_DEADLINE_S", "1");
        let lied = tokio::task::spawn_blocking(move || prove.output().unwrap())
            .await
            .unwrap();
        assert_eq!(lied.status.code(), Some(1));
        assert!(
            said(&lied).contains("the list is not what was acknowledged"),
            "{}",
            said(&lied)
        );
    }
}
