//! What is written for people is true. The commands of k8s/README.md name what is there: recorded in place of a cluster, each is
//! looked up in the objects that it is about. And the README lists every variable.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

mod build;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use build::{REPOSITORY, build};

const NAMESPACE: &str = "user-buy-list";

/// Runs the commands in a shell in which kubectl and helm only write down how they were called; openssl is the real one.
fn called(commands: &str) -> Vec<Vec<String>> {
    let record = r#"record() { printf '%s\x1f' "$@"; echo; }; kubectl() { [ -t 0 ] || cat >/dev/null; record kubectl "$@"; }; helm() { record helm "$@"; }"#;
    let script = format!("set -euo pipefail\n{record}\n{commands}");
    let output = Command::new("bash")
        .args(["-c", &script])
        .stdin(std::process::Stdio::null())
        // What they write is nobody's.
        .current_dir(env!("CARGO_TARGET_TMPDIR"))
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{commands}\n{errors}");
    let lines = String::from_utf8(output.stdout).unwrap();
    let call = |line: &str| line.split_terminator('\u{1f}').map(str::to_owned).collect();
    lines.lines().map(call).collect()
}

fn blocks(markdown: &str) -> Vec<String> {
    let parts = markdown.split("```sh\n").skip(1);
    parts
        .map(|part| part.split("```").next().unwrap().to_owned())
        .collect()
}

/// What is made by none of the manifests.
const MADE_BY_HAND: [&str; 2] = ["customer-management-secret", "mongodb-keyfile"];

#[test]
fn every_command_is_about_something_that_is_there() {
    let readme = std::fs::read_to_string(Path::new(REPOSITORY).join("k8s/README.md")).unwrap();
    let everything: Vec<_> = ["k8s/overlays/hpa", "k8s/overlays/keda"]
        .iter()
        .flat_map(|folder| build(folder))
        .collect();
    let exists = |kind: &str, name: &str| {
        let kind = match kind {
            "svc" => "Service",
            "job" => "Job",
            "deployment" => "Deployment",
            "statefulset" => "StatefulSet",
            "scaledobject" => "ScaledObject",
            other => panic!("what is a {other}?"),
        };
        assert!(
            everything
                .iter()
                .any(|object| object.kind() == kind && object.name() == name),
            "no {kind}/{name}"
        );
    };
    let mut seen = 0;
    for call in blocks(&readme).iter().flat_map(|block| called(block)) {
        let words: Vec<_> = call.iter().map(String::as_str).collect();
        let words = match words[..] {
            ["kubectl", "-n", namespace, ref rest @ ..] => {
                assert_eq!(namespace, NAMESPACE);
                rest.to_vec()
            }
            _ => words,
        };
        match words[..] {
            ["kubectl", "apply", "-k", folder] => assert!(!build(folder).is_empty()),
            ["kubectl", "apply", "-f", file] | ["helm", "install", .., "--values", file] => {
                assert!(Path::new(REPOSITORY).join(file).is_file(), "no {file}");
            }
            ["create", "secret", "generic", name, from] => {
                assert!(MADE_BY_HAND.contains(&name));
                assert!(
                    from.starts_with("--from-literal=MONGODB_URI=mongodb://")
                        || from == "--from-file=keyfile=/dev/stdin"
                );
            }
            ["port-forward", service, ports] => {
                let (kind, name) = service.split_once('/').unwrap();
                exists(kind, name);
                assert_eq!(ports, "8080:80");
            }
            // Of the earlier deployment. What it is asked before goes into a file, and is not recorded.
            [
                "delete",
                "deployment",
                "mongodb",
                "--wait",
                "--cascade=foreground",
            ] => {}
            ["wait", "--for=condition=complete", job, "--timeout=15m"] => {
                let (kind, name) = job.split_once('/').unwrap();
                exists(kind, name);
            }
            ["rollout", "restart", "deployment", ref names @ ..] => {
                for name in names {
                    exists("deployment", name);
                }
            }
            [
                "delete",
                kind,
                name,
                "--ignore-not-found" | "--cascade=foreground",
            ]
            | ["scale", kind, name, "--replicas=1" | "--replicas=0"] => exists(kind, name),
            ["kubectl", "label", "namespace", NAMESPACE, label] => {
                let label = label.strip_suffix('-').unwrap();
                let namespace = everything
                    .iter()
                    .find(|object| object.kind() == "Namespace");
                assert!(
                    namespace.unwrap().at("/metadata/labels")[label].is_string(),
                    "no {label}"
                );
            }
            _ => panic!("nobody has looked at this: {words:?}"),
        }
        seen += 1;
    }
    assert_eq!(seen, 18);
}

/// Of the platforms, which set them; nobody else does.
const OF_HOSTS: [&str; 2] = ["K_SERVICE", "AWS_LAMBDA_RUNTIME_API"];

#[test]
fn every_variable_that_a_program_reads_is_in_the_readme_and_no_other() {
    let readme = std::fs::read_to_string(Path::new(REPOSITORY).join("README.md")).unwrap();
    let (_, section) = readme.split_once("\n## Environment\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    let first_cells = rows.map(|row| row.split(" | ").next().unwrap());
    let listed: BTreeSet<String> = first_cells
        .flat_map(|cell| cell.split('`'))
        .filter(|name| name.chars().all(|c| c.is_ascii_uppercase() || c == '_') && !name.is_empty())
        .map(str::to_owned)
        .collect();
    let programs = ["buy", "consumer", "frontend", "query", "storer"];
    let read: BTreeSet<String> = programs
        .iter()
        .flat_map(|program| manifests::defaults(program).unwrap().1)
        .filter(|name| !OF_HOSTS.contains(&name.as_str()))
        .collect();
    assert_eq!(listed, read);
}

#[test]
fn whoever_looks_for_what_is_wrong_asks_for_something_that_is_there() {
    let readme = std::fs::read_to_string(Path::new(REPOSITORY).join("README.md")).unwrap();
    let everything: Vec<_> = ["knative/base", "k8s/overlays/keda"]
        .iter()
        .flat_map(|folder| build(folder))
        .collect();
    let mut asked = 0;
    for words in readme.split("`kubectl describe ").skip(1) {
        let (kind, name) = words.split('`').next().unwrap().split_once(' ').unwrap();
        let is_it = |object: &manifests::Object| {
            object.kind().eq_ignore_ascii_case(kind) && object.name() == name
        };
        assert!(everything.iter().any(is_it), "no {kind} {name}");
        asked += 1;
    }
    assert_eq!(asked, 2);
}
