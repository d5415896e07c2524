//! The program's command line.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

use std::process::{Command, Output};

fn consumer(words: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_consumer"));
    command.env_clear().args(words.split_whitespace());
    command.output().unwrap()
}

#[test]
fn help_says_what_it_does_and_where_it_looks() {
    for (words, said) in [
        ("--help", &["redrive", "KAFKA_BROKER", "MONGODB_URI"][..]),
        ("redrive --help", &["list", "show", "replay", "--execute"]),
        (
            "redrive list --help",
            &["--since", "--user", "--json", "retries-exhausted"],
        ),
        (
            "redrive replay --help",
            &[
                "--include",
                "conflict, malformed",
                "--in-flight",
                "[default: 64]",
            ],
        ),
    ] {
        let output = consumer(words);
        let help = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(0), "{words}");
        for part in said {
            assert!(help.contains(part), "{words}: no {part} in:\n{help}");
        }
    }
}

#[test]
fn wrong_words_and_a_bad_environment_end_with_the_code_of_bad_usage() {
    for words in [
        "nonsense",
        "--port 3001",
        "redrive",
        "redrive burn",
        "redrive replay --include invalid",
    ] {
        let output = consumer(words);
        assert_eq!(output.status.code(), Some(64), "{words}");
        assert!(
            output.stdout.is_empty() && !output.stderr.is_empty(),
            "{words}"
        );
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_consumer"));
    command.env_clear().env("MONGODB_URI", "http://nowhere");
    let output = command.args(["redrive", "list"]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(64), "{said}");
    assert!(
        said.contains("consumer redrive: bad configuration") && said.contains("MONGODB_URI"),
        "{said}"
    );
}
