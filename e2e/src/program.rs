//! One of our programs as a process.

use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use testkit::process::Process;

/// A function that runs, and can be run again with the same settings on the same port.
pub struct Program {
    name: &'static str,
    env: Vec<(&'static str, String)>,
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
        let (process, port) = run(name, &env, 0).await;
        Self {
            name,
            env,
            process,
            port,
        }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What it has said since it was last started.
    pub fn said(&self) -> String {
        self.process.said()
    }

    pub fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Ends it without a chance to say goodbye, and starts it again.
    pub async fn kill_and_restart(&mut self) {
        self.process.signal(Signal::KILL);
        self.process.exit_status().await;
        (self.process, _) = run(self.name, &self.env, self.port).await;
    }

    /// SIGTERM, as a platform sends it; how it ended, and how long that took.
    pub async fn stop(mut self) -> (ExitStatus, Duration) {
        let begun = Instant::now();
        self.process.signal(Signal::TERM);
        (self.process.exit_status().await, begun.elapsed())
    }

    /// Resident memory in bytes.
    pub fn memory(&self) -> u64 {
        let pid = self.process.pid().as_raw_nonzero();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS:"))
            .unwrap();
        line.split_whitespace()
            .nth(1)
            .unwrap()
            .parse::<u64>()
            .unwrap()
            * 1024
    }
}

async fn run(name: &str, env: &[(&'static str, String)], port: u16) -> (Process, u16) {
    let mut command = Command::new(path_of(name));
    command
        .env_clear()
        .env("HOST", "127.0.0.1")
        .env("PORT", port.to_string());
    command.envs(env.iter().map(|(name, value)| (*name, value)));
    let process = Process::start(&mut command);
    let line = process.line_with("listening").await;
    let log: serde_json::Value = serde_json::from_str(&line).unwrap();
    let address = log["fields"]["address"]
        .as_str()
        .or(log["address"].as_str())
        .unwrap();
    let port = address.rsplit_once(':').unwrap().1.parse().unwrap();
    (process, port)
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
