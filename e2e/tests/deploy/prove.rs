//! `scripts/prove.sh`, which e2e on a cluster relies on: it notices what it is there for.

use std::process::{Command, Output};

use e2e::{Road, Scene, Servers, Stack};

use crate::REPOSITORY;

fn prove(base: &str, command: &[String], deadline_s: u32) -> impl Future<Output = Output> + use<> {
    let mut prove = Command::new("bash");
    prove
        .arg("scripts/prove.sh")
        .args(command)
        .current_dir(REPOSITORY)
        .env("API_BASE", base)
        .env("PURCHASES", "60")
        .env("PROVE_DEADLINE_S", deadline_s.to_string());
    let proved = tokio::task::spawn_blocking(move || prove.output().unwrap());
    async { proved.await.unwrap() }
}

fn said(output: &Output) -> String {
    String::from_utf8([&output.stdout[..], &output.stderr].concat()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_buys_through_an_outage_and_finds_everything_once() {
    let scene = Scene::new(Servers::shared()).await;
    let stack = Stack::start(&scene, Road::Consumer).await;
    // Nobody answers for a second: the gateway says so, and whoever buys asks again.
    let pid = stack.buy.pid();
    let outage = format!("kill -STOP {pid}; sleep 1; kill -CONT {pid}");
    let command = ["bash", "-c", &outage].map(str::to_owned);
    let proved = prove(&stack.frontend.url(), &command, 30).await;
    assert!(proved.status.success(), "{}", said(&proved));
    let all = "60 purchases acknowledged, each is listed exactly once";
    assert!(said(&proved).contains(all), "{}", said(&proved));
    scene.drained().await;
    assert_eq!(scene.count_documents().await, 60);
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_fails_where_purchases_are_missing_or_the_command_fails() {
    let scene = Scene::new(Servers::shared()).await;
    let elsewhere = scene.beside().await;
    let query = elsewhere.query().await;
    let buy = scene.buy(&query.url()).await;
    let missing = prove(&buy.url(), &[], 2).await;
    assert_eq!(missing.status.code(), Some(1));
    let why = "the list is not what was acknowledged within 2 s";
    assert!(said(&missing).contains(why), "{}", said(&missing));
    let failed = prove(&buy.url(), &["false".to_owned()], 2).await;
    assert_eq!(failed.status.code(), Some(1));
    assert!(said(&failed).contains("false failed"), "{}", said(&failed));
}
