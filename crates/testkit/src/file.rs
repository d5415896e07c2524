//! A SQLite file of its own for a test, which ends with it.

use std::path::PathBuf;
use std::time::Duration;

use rusqlite::Connection;
use sqlite::{Options, Sqlite};
use tempfile::TempDir;

use crate::NEVER;

/// SQLite waits for a lock, and a caller for SQLite, as long as a test lasts.
#[must_use]
pub fn patient() -> Options {
    Options {
        busy_timeout: NEVER,
        deadline: NEVER,
        ..Options::default()
    }
}

/// SQLite gives up on a lock soon, and a caller hears of it.
#[must_use]
pub fn hasty() -> Options {
    Options {
        busy_timeout: Duration::from_millis(20),
        deadline: NEVER,
        ..Options::default()
    }
}

/// An open file in a folder of its own.
pub struct SqliteFile {
    pub sqlite: Sqlite,
    folder: TempDir,
}

impl SqliteFile {
    #[must_use]
    pub fn open() -> Self {
        Self::with(Options::default())
    }

    #[must_use]
    pub fn with(options: Options) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sqlite = Sqlite::open(&folder.path().join("test.sqlite"), options).unwrap();
        Self { sqlite, folder }
    }

    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("test.sqlite")
    }

    /// Nobody else can write until it is dropped.
    #[must_use]
    pub fn lock(&self) -> Connection {
        let lock = Connection::open(self.path()).unwrap();
        lock.execute_batch("BEGIN IMMEDIATE").unwrap();
        lock
    }
}
