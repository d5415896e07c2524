//! The built binary.

use std::process::{Command, ExitStatus};

use rustix::process::Signal;
use testkit::process::Process;
use testkit::{eventually, raw, services};

use crate::sink::Sink;
use crate::topic::Topic;

/// A day of retries with the shortest waits that are possible.
pub(crate) const PATIENT: [(&str, &str); 3] = [
    ("RETRY", "1000"),
    ("BACKOFF_POLICY", "linear"),
    ("BACKOFF_DELAY", "PT0.1S"),
];

/// A running stand-in. It is killed with its test.
pub(crate) struct StandIn {
    process: Process,
    address: std::net::SocketAddr,
}

impl StandIn {
    pub(crate) async fn start(topic: &Topic, sink: &Sink, variables: &[(&str, &str)]) -> Self {
        let process = Process::start(&mut command(topic, sink, variables));
        let line: serde_json::Value =
            serde_json::from_str(&process.line_with("\"listening\"").await).unwrap();
        let address = line["address"].as_str().unwrap().parse().unwrap();
        Self { process, address }
    }

    /// With a second sink for dead letters.
    pub(crate) async fn with_dead_letters(
        topic: &Topic,
        sinks: [&Sink; 2],
        variables: &[(&str, &str)],
    ) -> Self {
        let url = sinks[1].url();
        let variables = [variables, &[("DEAD_LETTER_SINK", url.as_str())]].concat();
        Self::start(topic, sinks[0], &variables).await
    }

    /// The value of a metric, with its labels as they are written.
    pub(crate) async fn metric(&self, name: &str) -> u64 {
        let answer = raw::exchange(self.address, &raw::head("GET /metrics", &[])).await;
        let text = String::from_utf8_lossy(&answer);
        let value = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value
            .unwrap_or_else(|| panic!("no {name} in {text}"))
            .parse()
            .unwrap()
    }

    /// Waits until a metric has this value.
    pub(crate) async fn counts(&self, name: &str, expected: u64) {
        eventually(name, async || {
            (self.metric(name).await == expected).then_some(())
        })
        .await;
    }

    pub(crate) async fn counts_lost(&self, reason: &str, expected: u64) {
        let name = format!("kafka_source_events_lost_total{{reason=\"{reason}\"}}");
        self.counts(&name, expected).await;
    }

    /// Waits for a line of the log.
    pub(crate) async fn says(&self, text: &str) -> String {
        self.process.line_with(text).await
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        let answer = raw::exchange(self.address, &raw::head(&format!("GET {path}"), &[])).await;
        (
            raw::status(&answer),
            String::from_utf8_lossy(&answer).into_owned(),
        )
    }

    /// SIGTERM, and how it ended.
    pub(crate) async fn stop(mut self) -> ExitStatus {
        self.process.signal(Signal::TERM);
        self.process.exit_status().await
    }

    /// SIGKILL.
    pub(crate) fn kill(self) {
        drop(self);
    }
}

impl Drop for StandIn {
    #[expect(
        clippy::print_stderr,
        reason = "the test runner shows it with the failure"
    )]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the stand-in said:\n{}", self.process.said());
        }
    }
}

pub(crate) fn command(topic: &Topic, sink: &Sink, variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kafka-source"));
    command
        .env_clear()
        .env("HOST", "127.0.0.1")
        .env("PORT", "0")
        .env("KAFKA_BROKER", services::kafka())
        .env("TOPIC", &topic.name)
        .env("KAFKA_GROUP_ID", &topic.name)
        .env("SINK", sink.url())
        .env("SOURCE_NAMESPACE", "shop")
        .env("SOURCE_NAME", "till")
        .envs(variables.iter().copied());
    command
}
