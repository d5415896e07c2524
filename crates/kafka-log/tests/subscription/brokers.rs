//! A broker that is killed and started again. It is this test's own.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use testkit::eventually;
use testkit::random::Random;

use crate::group::{Group, Seen, blocking};

/// A broker with data of its own; it ends with the test.
pub(crate) struct Broker {
    folder: TempDir,
    port: u16,
}

impl Broker {
    /// One that does not run yet.
    pub(crate) fn new() -> Self {
        let mut random = Random::from_env();
        // Below the ports that the system gives to clients: one of those that look for the broker would take it otherwise.
        let mut ports = std::iter::repeat_with(|| 20_000 + random.below(10_000) as u16);
        let free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
        Self {
            folder: tempfile::tempdir().unwrap(),
            port: ports.find(free).unwrap(),
        }
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(crate) async fn service(&self, command: &'static str) {
        let mut command = self.command(&[command, "kafka"]);
        let status = blocking(move || command.status().unwrap()).await;
        assert!(status.success(), "{status}");
    }

    /// Where the broker keeps its records.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("kafka/data")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut command = Command::new("bash");
        command
            .arg(root.join("scripts/services.sh"))
            .args(arguments)
            .env("SERVICES_DIR", self.folder.path())
            .env("KAFKA_PORT", self.port.to_string())
            .stdout(Stdio::null());
        command
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self
            .command(&["kill", "kafka"])
            .stderr(Stdio::null())
            .status();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_comes_back_is_read_again() {
    let broker = Broker::new();
    let group = Group::at(broker.address());

    // Absent at the start.
    let subscription = group.join();
    let seen = Seen::default();
    seen.read(subscription.clone());
    eventually("a fault", async || subscription.state().fault).await;
    broker.service("up").await;
    group.create_topic(1).await;
    group.write(1, 0..10).await;
    seen.all_of(0..10).await;

    // Killed while there is nothing to read.
    broker.service("kill").await;
    eventually("a fault", async || subscription.state().fault).await;
    broker.service("up").await;
    group.write(1, 10..20).await;
    seen.all_of(10..20).await;

    // A new topic counts its leaders from 0, while the consumer has seen a higher number in the old one.
    group.make_topic_anew(1).await;
    group.write(1, 100..130).await;
    seen.all_of(100..130).await;

    // Nobody answers the farewell.
    broker.service("kill").await;
    let started = Instant::now();
    subscription.stop(Duration::from_secs(1)).await;
    let took = started.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");
}
