//! The broker and the mongod: those that all tests share, or a pair that one test may stop.

use std::process::Command;

use tempfile::TempDir;
use testkit::services;

/// A broker and a mongod.
pub struct Servers {
    pub kafka: String,
    pub mongodb: String,
    /// Of a pair of its own: what was started, and ends with this.
    folder: Option<TempDir>,
}

impl Servers {
    /// Those of the environment. Never stopped here.
    pub fn shared() -> Self {
        Self {
            kafka: services::kafka(),
            mongodb: services::mongodb(),
            folder: None,
        }
    }

    /// A pair that nobody else uses.
    pub fn own() -> Self {
        // On the disk of the build: /tmp may be memory.
        let folder =
            tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR").to_owned() + "/../.tools").unwrap();
        let mut servers = Self {
            kafka: String::new(),
            mongodb: String::new(),
            folder: Some(folder),
        };
        let said = servers.run(&["up"]);
        let value = |name: &str| {
            let line = said
                .lines()
                .find(|line| line.contains(&format!("{name}=")))
                .unwrap();
            let (_, value) = line.split_once('=').unwrap();
            value.trim_matches('\'').to_owned()
        };
        (servers.kafka, servers.mongodb) = (value("KAFKA_BROKER"), value("MONGODB_URI"));
        servers
    }

    /// `scripts/services.sh` with these arguments; it waits until the command has done its work.
    pub fn run(&self, arguments: &[&str]) -> String {
        let folder = self.folder.as_ref().expect("only an own pair is touched");
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/services.sh");
        let output = Command::new("bash")
            .arg(script)
            .args(arguments)
            .env("SERVICES_DIR", folder.path().join("services"))
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            output.status.success(),
            "services.sh {arguments:?}: {errors}"
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// The same from async code.
    pub async fn run_async(self: &std::sync::Arc<Self>, arguments: &'static [&'static str]) {
        let servers = self.clone();
        tokio::task::spawn_blocking(move || servers.run(arguments))
            .await
            .unwrap();
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        if self.folder.is_some() && !std::thread::panicking() {
            self.run(&["down", "--wipe"]);
        } else if let Some(folder) = &self.folder {
            // Ends the processes all the same; what it says about it matters no more.
            let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/services.sh");
            let _ = Command::new("bash")
                .args([script, "down", "--wipe"])
                .env("SERVICES_DIR", folder.path().join("services"))
                .output();
        }
    }
}
