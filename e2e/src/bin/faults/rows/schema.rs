//! Functions that are asked, at random, for what their OpenAPI documents promise and for what they should refuse.

use std::process::{Command, Output};

use axum::routing::get;
use axum::{Json, Router};
use e2e::{Program, Scene, path_of, scratch};
use futures_util::{StreamExt as _, stream};
use serde_json::Value;
use testkit::app::{TestApp, client};
use testkit::eventually;
use testkit::product::{Folder, Product};

use super::Case;
use crate::report::Report;

/// Fixed, so that a change is red for what it changed.
const SEED: &str = "33";
/// Requests at random for each operation, beside those of its examples and bounds.
const RANDOM_REQUESTS: &str = "12";
/// Each keeps a processor busy.
const AT_A_TIME: usize = 2;
/// As much of a failure as explains it.
const SAID_MAX: usize = 6_000;

/// Row 33. Every function, as a process of its own and in the product in one process.
pub(crate) async fn conformant(case: Case) -> Vec<Report> {
    let scene = Scene::on(case.servers).await;
    let consumer = scene.consumer().await;
    let (storer, query) = (scene.storer().await, scene.query().await);
    let buy = scene.buy(&query.url()).await;
    let frontend = scene.frontend(&buy.url(), &query.url()).await;
    let own = [buy, query, storer, consumer, frontend];
    let folder = Folder::new(path_of("user-buy-list"), scratch());
    let product = Product::start(&folder).await;
    let together = [&product.page, &product.buy, &product.storer, &product.query];

    let apart = ask_all(own.iter().map(Program::url).collect()).await;
    let together = ask_all(together.map(Clone::clone).into()).await;
    let wrong = wrong_status(&own[0].url()).await;
    for program in own {
        program.stop().await;
    }
    product.stop().await;
    vec![report("apart", apart), report("together", together), wrong]
}

/// That nothing is found would mean nothing if a status that no document has were not noticed either.
async fn wrong_status(buy: &str) -> Report {
    let mut document = document_of(buy).await;
    let responses = &mut document["paths"]["/buy"]["post"]["responses"];
    responses["200"] = responses["201"].take();
    responses.as_object_mut().unwrap().remove("201");
    let route = get(async move || Json(document));
    let served = TestApp::start(Router::new().route("/openapi.json", route)).await;
    let (output, _) = run(
        format!("{}/openapi.json", served.url),
        ["--url", buy, "--include-path", "/buy"]
            .map(str::to_owned)
            .into(),
    )
    .await;
    let said = said(&output);
    Report::new(33, "wrong")
        .expect(output.status.code() == Some(1), || {
            format!("{}: {said}", output.status)
        })
        .evidence(
            "noticed",
            said.matches("Undocumented status code").count() as u64,
        )
}

/// What came of asking one function.
struct Asked {
    url: String,
    output: Output,
    /// Operations in the document that it serves, without the one that serves it.
    operations: u64,
    /// Schemathesis' own account, null if there is none.
    account: Value,
}

async fn ask_all(urls: Vec<String>) -> Vec<Asked> {
    stream::iter(urls.into_iter().map(ask))
        .buffered(AT_A_TIME)
        .collect()
        .await
}

async fn ask(url: String) -> Asked {
    eventually("a function to be ready", async || {
        let answer = client().get(format!("{url}/ready")).send().await;
        answer.ok().filter(|answer| answer.status() == 200)
    })
    .await;
    let served = document_of(&url).await;
    let paths = served["paths"].as_object().unwrap().iter();
    // It has just got the document, and does not ask for it again.
    let paths = paths.filter(|(path, _)| *path != "/openapi.json");
    let operations = paths.map(|(_, path)| path.as_object().unwrap().len() as u64);
    let operations = operations.sum();
    let (output, account) = run(format!("{url}/openapi.json"), Vec::new()).await;
    Asked {
        url,
        output,
        operations,
        account,
    }
}

async fn document_of(url: &str) -> Value {
    let document = client().get(format!("{url}/openapi.json")).send().await;
    serde_json::from_slice(&document.unwrap().bytes().await.unwrap()).unwrap()
}

/// What Schemathesis says, and its account.
async fn run(document: String, options: Vec<String>) -> (Output, Value) {
    let run = move || {
        let folder = tempfile::tempdir().unwrap();
        let account = folder.path().join("account.json");
        let output = Command::new("bash")
            .arg(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../scripts/schemathesis.sh"
            ))
            .args(["run", &document, "--seed", SEED])
            .args(["--max-examples", RANDOM_REQUESTS])
            .args(["--report", "json", "--report-json-path"])
            .arg(&account)
            .args(options)
            .output()
            .unwrap();
        let account = std::fs::read(&account).unwrap_or_default();
        (output, serde_json::from_slice(&account).unwrap_or_default())
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

fn said(output: &Output) -> String {
    let mut said = [&output.stdout[..], &output.stderr[..]].concat();
    said.truncate(SAID_MAX);
    String::from_utf8_lossy(&said).into_owned()
}

impl Asked {
    fn count(&self, pointer: &str) -> u64 {
        let count = self.account.pointer(pointer);
        count.and_then(Value::as_u64).unwrap_or(0)
    }

    /// Every operation was asked, and said yes at least once.
    fn is_whole(&self) -> bool {
        let accepted = self.account["valid_rates"].as_object();
        let accepted = accepted.into_iter().flatten().filter(|(_, phases)| {
            let phases = phases.as_object().into_iter().flatten();
            phases
                .into_iter()
                .any(|(_, rate)| rate["accepted"].as_u64() > Some(0))
        });
        self.account["complete"] == true
            && self.count("/operations/tested") == self.operations
            && accepted.count() as u64 == self.operations
    }
}

fn report(road: &'static str, all: Vec<Asked>) -> Report {
    let sum = |pointer| all.iter().map(|asked| asked.count(pointer)).sum();
    let whole = all.iter().filter(|asked| asked.is_whole()).count() as u64;
    let report = Report::new(33, road)
        .evidence("functions", whole)
        .evidence("operations", sum("/operations/tested"))
        .evidence("requests", sum("/test_cases/generated"));
    all.iter().fold(report, |report, asked| {
        report
            .expect(asked.is_whole(), || {
                let rates = &asked.account["valid_rates"];
                format!("{}: not every operation said yes: {rates}", asked.url)
            })
            .expect(asked.output.status.success(), || {
                format!("{}: {}", asked.url, said(&asked.output))
            })
    })
}
