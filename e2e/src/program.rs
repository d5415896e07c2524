//! One of our programs as a process.

use std::path::PathBuf;
use std::process::{Command, ExitStatus};

use rustix::process::Signal;
use testkit::process::Process;

/// A function that runs.
pub struct Program {
    name: &'static str,
    process: Process,
    port: u16,
}

/// Where a program is that was built with this test.
pub fn path_of(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let path = test
        .parent()
        .and_then(|deps| deps.parent())
        .unwrap()
        .join(name);
    assert!(
        path.exists(),
        "{} is missing: cargo build --release --workspace",
        path.display()
    );
    path
}

impl Program {
    /// Starts it with nothing of this environment, and waits until it listens.
    pub async fn start(name: &'static str, env: Vec<(&'static str, String)>) -> Self {
        let mut command = Command::new(path_of(name));
        command.env_clear().envs(env);
        command.env("HOST", "127.0.0.1").env("PORT", "0");
        let process = Process::start(&mut command);
        let line = process.line_with("listening").await;
        let log: serde_json::Value = serde_json::from_str(&line).unwrap();
        let address = log["address"].as_str().unwrap();
        let port = address.rsplit_once(':').unwrap().1.parse().unwrap();
        Self {
            name,
            process,
            port,
        }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What it has said.
    pub fn said(&self) -> String {
        self.process.said()
    }

    /// SIGTERM, as a platform sends it; how it ended.
    pub async fn stop(mut self) -> ExitStatus {
        self.process.signal(Signal::TERM);
        self.process.exit_status().await
    }
}

impl Drop for Program {
    /// What it said explains a failure best.
    #[expect(
        clippy::print_stdout,
        reason = "shown by the test runner with the failure"
    )]
    fn drop(&mut self) {
        if std::thread::panicking() {
            let said = self.said();
            let lines: Vec<_> = said.lines().collect();
            let tail = &lines[lines.len().saturating_sub(20)..];
            println!("--- {} said, at the end:\n{}", self.name, tail.join("\n"));
        }
    }
}
