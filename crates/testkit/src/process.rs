//! A real process that is ended with its test, by its id.

use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};

use crate::{PATIENCE, eventually};

/// A started program and what it has said so far, on both streams.
pub struct Process {
    child: Child,
    said: Arc<Mutex<Vec<String>>>,
    listeners: [JoinHandle<()>; 2],
}

impl Process {
    pub fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let said = Arc::default();
        let listeners = [
            listen(child.stdout.take().unwrap(), &said),
            listen(child.stderr.take().unwrap(), &said),
        ];
        Self {
            child,
            said,
            listeners,
        }
    }

    /// Everything it has said, for a message when something went wrong.
    #[must_use]
    pub fn said(&self) -> String {
        self.said.lock().unwrap().join("\n")
    }

    /// The first line that contains `text`.
    pub async fn line_with(&self, text: &str) -> String {
        let started = Instant::now();
        eventually("a line of a process", async || {
            let found = self
                .said
                .lock()
                .unwrap()
                .iter()
                .find(|line| line.contains(text))
                .cloned();
            assert!(
                found.is_some() || started.elapsed() < PATIENCE / 2,
                "no line with {text:?} in:\n{}",
                self.said()
            );
            found
        })
        .await
    }

    #[must_use]
    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        // It may have ended by itself, which the caller sees from its exit status.
        let _ = kill_process(self.pid(), signal);
    }

    /// SIGKILL, and waits for the end.
    pub fn kill(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits until it ends by itself, and until all is heard that it said.
    pub async fn exit_status(&mut self) -> ExitStatus {
        let child = &mut self.child;
        let status = eventually("the end of a process", async || child.try_wait().unwrap()).await;
        eventually("the last words of a process", async || {
            let all = self.listeners.iter().all(JoinHandle::is_finished);
            all.then_some(())
        })
        .await;
        status
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn listen(stream: impl Read + Send + 'static, said: &Arc<Mutex<Vec<String>>>) -> JoinHandle<()> {
    let said = Arc::clone(said);
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            said.lock().unwrap().push(line);
        }
    })
}
