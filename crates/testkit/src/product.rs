//! The product in one process, as somebody runs it: the built program on a folder of its own and free ports.

use std::path::{Path, PathBuf};
use std::process::Command;

use rusqlite::Connection;
use rustix::process::Signal;
use tempfile::TempDir;

use crate::process::Process;

/// The program, and a data folder that outlives the processes that use it.
pub struct Folder {
    program: PathBuf,
    folder: TempDir,
}

impl Folder {
    /// A new one within another, which should be on a disk: /tmp may be memory, and what is measured and killed here is about a
    /// disk.
    pub fn new(program: impl Into<PathBuf>, within: impl AsRef<Path>) -> Self {
        Self {
            program: program.into(),
            folder: tempfile::tempdir_in(within).unwrap(),
        }
    }

    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.path().join("user-buy-list.sqlite")
    }

    /// Opens the file beside, or after, the process.
    #[must_use]
    pub fn open_database(&self) -> Connection {
        Connection::open(self.database()).unwrap()
    }

    #[must_use]
    pub fn count(&self, table: &str) -> i64 {
        let sql = format!("SELECT count(*) FROM {table}");
        self.open_database()
            .query_row(&sql, [], |row| row.get(0))
            .unwrap()
    }

    /// What SQLite itself says of the file.
    #[must_use]
    pub fn integrity(&self) -> String {
        self.open_database()
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))
            .unwrap()
    }

    /// The command with free ports; more arguments can be added.
    #[must_use]
    pub fn command(&self) -> Command {
        self.command_under(&[])
    }

    /// The same, started by another program with arguments of its own.
    #[must_use]
    pub fn command_under(&self, starter: &[&str]) -> Command {
        let mut command = match starter {
            [] => Command::new(&self.program),
            [starter, arguments @ ..] => {
                let mut command = Command::new(starter);
                command.args(arguments).arg(&self.program);
                command
            }
        };
        for port in ["--port", "--buy-port", "--storer-port", "--query-port"] {
            command.args([port, "0"]);
        }
        command.arg("--data-dir").arg(self.path());
        command
    }
}

/// A running product.
pub struct Product {
    pub process: Process,
    pub page: String,
    pub buy: String,
    pub storer: String,
    pub query: String,
}

impl Product {
    pub async fn start(folder: &Folder) -> Self {
        Self::start_command(&mut folder.command()).await
    }

    pub async fn start_command(command: &mut Command) -> Self {
        let process = Process::start(command);
        process.line_with("Ctrl-C stops it").await;
        let said = process.said();
        let url = |name: &str| {
            let line = said
                .lines()
                .find(|line| line.trim_start().starts_with(name))
                .unwrap();
            let url = line.split_whitespace().last().unwrap();
            url.trim_end_matches('/').to_owned()
        };
        let [page, buy, storer, query] = ["page", "buy", "storer", "query"].map(url);
        Self {
            process,
            page,
            buy,
            storer,
            query,
        }
    }

    /// SIGTERM; gives everything that it said.
    pub async fn stop(mut self) -> String {
        self.process.signal(Signal::TERM);
        let status = self.process.exit_status().await;
        let said = self.process.said();
        assert_eq!(status.code(), Some(0), "{said}");
        said
    }
}
