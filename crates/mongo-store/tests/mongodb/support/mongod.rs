//! A mongod of one test, which may stop it, kill it, and tell it to fail.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use mongodb::bson::{Document, doc};
use mongodb::options::ClientOptions;
use mongodb::{Client, Database};
use rustix::process::Signal;
use tempfile::TempDir;
use testkit::eventually;
use testkit::process::Process;
use testkit::random::Random;

/// A replica set of one, or a server on its own.
pub(crate) struct Mongod {
    process: Option<Process>,
    folder: TempDir,
    port: u16,
    options: Vec<String>,
    replicated: bool,
}

impl Mongod {
    /// A running replica set of one.
    pub(crate) async fn start() -> Self {
        let mut mongod = Self::new(true, &[]);
        mongod.up().await;
        mongod
    }

    /// Not started yet. `options` are more of its command line.
    pub(crate) fn new(replicated: bool, options: &[&str]) -> Self {
        Self {
            process: None,
            folder: tempfile::tempdir().unwrap(),
            port: free_port(),
            options: options.iter().map(ToString::to_string).collect(),
            replicated,
        }
    }

    pub(crate) fn uri(&self) -> String {
        let port = self.port;
        format!("mongodb://127.0.0.1:{port}/purchases?directConnection=true")
    }

    /// Starts it, with what it held before, and returns once it takes writes.
    pub(crate) async fn up(&mut self) {
        self.spawn();
        let admin = self.admin().await;
        eventually("a mongod that takes writes", async || {
            let hello = admin.run_command(doc! { "hello": 1 }).await.ok()?;
            if self.replicated && !hello.contains_key("setName") {
                let member = doc! { "_id": 0, "host": format!("127.0.0.1:{}", self.port) };
                // A majority alone is no journal here, so that it is our own `j: true` that is tested.
                let set = doc! {
                    "_id": "rs0", "members": [member], "writeConcernMajorityJournalDefault": false,
                };
                let _ = admin.run_command(doc! { "replSetInitiate": set }).await;
            }
            hello.get_bool("isWritablePrimary").ok()?.then_some(())
        })
        .await;
    }

    /// Starts it and does not wait.
    pub(crate) fn spawn(&mut self) {
        let home = home();
        let mut command = Command::new(home.join("mongod"));
        command
            .env("LD_LIBRARY_PATH", home.join("lib"))
            .args(["--bind_ip", "127.0.0.1", "--port", &self.port.to_string()])
            .arg("--dbpath")
            .arg(self.folder.path())
            .args([
                "--nounixsocket",
                "--quiet",
                "--wiredTigerCacheSizeGB",
                "0.25",
            ])
            .args(["--setParameter", "diagnosticDataCollectionEnabled=false"])
            .args(["--setParameter", "enableTestCommands=1"])
            .args(&self.options);
        if self.replicated {
            command.args(["--replSet", "rs0", "--oplogSize", "64"]);
        }
        self.process = Some(Process::start(&mut command));
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.process.take().unwrap().kill();
    }

    /// It stands still: connections are accepted and nobody answers.
    pub(crate) fn pause(&self) {
        self.process.as_ref().unwrap().signal(Signal::STOP);
    }

    pub(crate) fn resume(&self) {
        self.process.as_ref().unwrap().signal(Signal::CONT);
    }

    /// The bare driver on its admin database.
    pub(crate) async fn admin(&self) -> Database {
        let mut options = ClientOptions::parse(self.uri()).await.unwrap();
        options.server_selection_timeout = Some(Duration::from_secs(10));
        Client::with_options(options).unwrap().database("admin")
    }

    /// Tells it to fail; until told otherwise, or as often as `mode` says.
    pub(crate) async fn fail(
        &self,
        point: &str,
        mode: impl Into<mongodb::bson::Bson>,
        data: Document,
    ) {
        let command = doc! { "configureFailPoint": point, "mode": mode.into(), "data": data };
        self.admin().await.run_command(command).await.unwrap();
    }
}

/// Where `scripts/services.sh` puts the program and its libraries.
fn home() -> PathBuf {
    let tools = concat!(env!("CARGO_MANIFEST_DIR"), "/../../.tools");
    let found = std::fs::read_dir(tools).into_iter().flatten().flatten();
    let found = found.map(|entry| entry.path());
    found
        .filter(|path| path.join("mongod").is_file())
        .max()
        .expect("this test needs a mongod of its own: run scripts/services.sh install mongod")
}

/// Below those that the system gives to clients: one that tries to reach a stopped server would take its port otherwise.
fn free_port() -> u16 {
    let mut random = Random::from_env();
    let mut tries = (0..1_000).map(|_| 30_100 + u16::try_from(random.below(2_500)).unwrap());
    tries
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("a free port")
}
