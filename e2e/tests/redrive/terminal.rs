//! Somebody at a terminal: the words of the README, and what is said when something is not there.

use std::process::Command;

use e2e::{Scene, Servers, topics};
use testkit::eventually;

use crate::buried::{Keeper, bought, purchase};

/// What a command said and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) errors: String,
}

impl Ran {
    pub(crate) fn said(&self, text: &str) -> bool {
        self.out.contains(text)
    }
}

/// Runs it to its end.
pub(crate) async fn run(mut command: Command) -> Ran {
    let output = tokio::task::spawn_blocking(move || command.output().unwrap());
    let output = output.await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran {
        code: output.status.code(),
        out: text(output.stdout),
        errors: text(output.stderr),
    }
}

/// The commands of the README that begin like this, each as its words after that.
fn commands_of_the_readme(begin: &str) -> Vec<Vec<String>> {
    let readme = include_str!("../../../README.md").lines();
    let commands = readme.filter_map(|line| line.strip_prefix(begin)?.split('#').next());
    commands
        .map(|words| words.split_whitespace().map(str::to_owned).collect())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_commands_of_the_readme_do_what_it_says() {
    let scene = Scene::new(Servers::shared()).await;
    let purchase = purchase(1);
    let id = purchase.id.to_string();
    let letter = bought(&purchase).kept_by(Keeper::Consumer, &scene.topic, "retries-exhausted", 0);
    topics::produce(&scene.servers.kafka, &scene.dead_letters, &[letter]).await;
    let consumer = scene.consumer().await;
    let commands = commands_of_the_readme("consumer redrive ");
    assert_eq!(commands.len(), 4, "{commands:?}");
    for words in commands {
        let words: Vec<_> = words
            .iter()
            .map(|word| match word.as_str() {
                "ID" => &id,
                "USERID" => purchase.userid.as_str(),
                word => word,
            })
            // The letter is of another day than today.
            .map(|word| if word == "2h" { "36500d" } else { word })
            .collect();
        let ran = run(scene.redrive(&words)).await;
        assert_eq!(ran.code, Some(0), "{words:?}: {ran:?}");
        let expected = match words[0] {
            "replay" if words.contains(&"--execute") => "replayed 1 of 1 event",
            "replay" => "would replay 1 of 1 event: run it again with --execute",
            _ => &id,
        };
        assert!(ran.said(expected), "{words:?}: {ran:?}");
        assert_eq!(ran.errors, "");
    }
    eventually("a resolved letter", async || {
        let ran = run(scene.redrive(&["list"])).await;
        ran.said("1  resolved   retries-exhausted").then_some(())
    })
    .await;
    assert!(consumer.stop().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_there_is_named() {
    let mut scene = Scene::new(Servers::shared()).await;
    let empty = run(scene.redrive(&["list"])).await;
    assert_eq!(
        (empty.code, &*empty.out),
        (Some(0), "0 events in 0 dead letters\n")
    );
    let unknown = run(scene.redrive(&["show", "nothing"])).await;
    assert_eq!(unknown.code, Some(1));
    assert!(
        unknown.errors.contains("no dead letter is about nothing"),
        "{unknown:?}"
    );

    let nobody = format!("127.0.0.1:{}", e2e::free_port());
    let there = std::mem::replace(&mut scene.brokers, nobody);
    let away = run(scene.redrive(&["list"])).await;
    assert_eq!(away.code, Some(1));
    let said = "consumer redrive: cannot read the dead letters: no broker answers";
    assert!(away.errors.contains(said), "{away:?}");
    (scene.brokers, scene.dead_letters) = (there, "missing".to_owned());
    let missing = run(scene.redrive(&["list"])).await;
    assert!(
        missing
            .errors
            .contains("cannot read the dead letters: there is no such topic"),
        "{missing:?}"
    );
    assert_eq!(missing.code, Some(1));
}
