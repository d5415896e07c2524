//! Functions that are asked, at random, for what their OpenAPI documents promise and for what they should refuse.

use std::process::{Command, Output};

use e2e::{Program, Scene, path_of};
use futures_util::{StreamExt as _, stream};
use serde_json::Value;
use tempfile::TempDir;
use testkit::app::client;
use testkit::eventually;
use testkit::process::Process;

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
    let folder = tempfile::tempdir().unwrap();
    let product = Product::start(&folder).await;

    let apart = ask_all(own.iter().map(Program::url).collect()).await;
    let together = ask_all(product.urls()).await;
    for program in own {
        program.stop().await;
    }
    product.0.kill();
    vec![report("apart", apart), report("together", together)]
}

/// The product in one process.
struct Product(Process);

impl Product {
    async fn start(folder: &TempDir) -> Self {
        let mut command = Command::new(path_of("user-buy-list"));
        command.env_clear().arg("--data-dir").arg(folder.path());
        for port in ["--port", "--buy-port", "--storer-port", "--query-port"] {
            command.args([port, "0"]);
        }
        let process = Process::start(&mut command);
        process.line_with("Ctrl-C stops it").await;
        Self(process)
    }

    /// Of the page and of each function, as it says them.
    fn urls(&self) -> Vec<String> {
        let said = self.0.said();
        let url = |name: &str| {
            let mut words = said.lines().map(str::split_whitespace);
            let place = words.find_map(|mut line| (line.next()? == name).then(|| line.next())?);
            place.unwrap().trim_end_matches('/').to_owned()
        };
        ["page", "buy", "storer", "query"].map(url).into()
    }
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
    let document = format!("{url}/openapi.json");
    let served = client().get(&document).send().await.unwrap();
    let served: Value = serde_json::from_slice(&served.bytes().await.unwrap()).unwrap();
    let paths = served["paths"].as_object().unwrap().iter();
    // It has just got the document, and does not ask for it again.
    let paths = paths.filter(|(path, _)| *path != "/openapi.json");
    let operations = paths.map(|(_, path)| path.as_object().unwrap().len() as u64);
    let operations = operations.sum();
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
            .output()
            .unwrap();
        let account = std::fs::read(&account).unwrap_or_default();
        (output, serde_json::from_slice(&account).unwrap_or_default())
    };
    let (output, account) = tokio::task::spawn_blocking(run).await.unwrap();
    Asked {
        url,
        output,
        operations,
        account,
    }
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

    fn said(&self) -> String {
        let mut said = [&self.output.stdout[..], &self.output.stderr[..]].concat();
        said.truncate(SAID_MAX);
        format!("{}: {}", self.url, String::from_utf8_lossy(&said))
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
            .expect(asked.output.status.success(), || asked.said())
    })
}
