//! The built binary on a folder of its own and free ports.

use std::path::{Path, PathBuf};
use std::process::Command;

use rusqlite::Connection;
use rustix::process::Signal;
use tempfile::TempDir;
use testkit::app::client;
use testkit::process::Process;

/// A data folder that outlives the processes that use it.
pub(crate) struct Folder {
    folder: TempDir,
}

impl Folder {
    pub(crate) fn new() -> Self {
        Self {
            // Beside the build and not in /tmp, which may be memory: what is measured and killed here is about a disk.
            folder: tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap(),
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.path().join("user-buy-list.sqlite")
    }

    /// Opens the file beside, or after, the process.
    pub(crate) fn open_database(&self) -> Connection {
        Connection::open(self.database()).unwrap()
    }

    pub(crate) fn count(&self, table: &str) -> i64 {
        let sql = format!("SELECT count(*) FROM {table}");
        self.open_database()
            .query_row(&sql, [], |row| row.get(0))
            .unwrap()
    }

    /// What SQLite itself says of the file.
    pub(crate) fn integrity(&self) -> String {
        self.open_database()
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))
            .unwrap()
    }
}

/// The command with free ports; more arguments can be added.
pub(crate) fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_user-buy-list"));
    add_arguments(&mut command, folder);
    command
}

/// The same arguments for a command that starts the binary in its own way.
pub(crate) fn add_arguments(command: &mut Command, folder: &Path) {
    command.args([
        "--port",
        "0",
        "--buy-port",
        "0",
        "--storer-port",
        "0",
        "--query-port",
        "0",
    ]);
    command.arg("--data-dir").arg(folder);
}

/// A running product.
pub(crate) struct Product {
    pub(crate) process: Process,
    pub(crate) page: String,
    pub(crate) buy: String,
    pub(crate) storer: String,
    pub(crate) query: String,
}

impl Product {
    pub(crate) async fn start(folder: &Folder) -> Self {
        Self::start_command(&mut command(&folder.path())).await
    }

    pub(crate) async fn start_command(command: &mut Command) -> Self {
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
    pub(crate) async fn stop(mut self) -> String {
        self.process.signal(Signal::TERM);
        let status = self.process.exit_status().await;
        let said = self.process.said();
        assert_eq!(status.code(), Some(0), "{said}");
        said
    }
}

/// The status of a GET.
pub(crate) async fn status(url: String) -> u16 {
    client().get(url).send().await.unwrap().status().as_u16()
}
