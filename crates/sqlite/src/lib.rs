//! SQLite as the log and the store of a single machine: the only crate that imports a SQLite driver.
//!
//! Invariant: `Ok` from a write means that it is on disk (WAL, `synchronous=FULL`). All writes go through one thread that
//! commits whatever is waiting as one transaction, so many purchases share one sync and none waits for a timer. Reads run
//! beside it on their own connections.
//!
//! One file holds three things: the log (events that are not delivered yet), the purchases, and the dead letters.

mod error;
mod log;
mod readers;
mod schema;
mod store;
mod summary;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

pub use error::{OpenError, WriteError};
pub use log::{DeadLetter, Delivery, LoggedEvent, SqliteLog};
pub use schema::Durability;
pub use store::SqliteStore;

use readers::Readers;
use writer::Writer;

/// Sizes and deadlines.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Writes that may wait for the writer; over it, a write is refused at once.
    pub queue_max: usize,
    /// How long SQLite waits for a lock that somebody else holds on the file, such as a backup.
    pub busy_timeout: Duration,
    /// How long a caller waits for a write. Longer than two `busy_timeout`s, so that a write behind a failing group still
    /// learns its own fate: a refusal that says "not recorded" is worth more than one that says "unknown".
    pub deadline: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            queue_max: 8_192,
            busy_timeout: Duration::from_secs(2),
            deadline: Duration::from_secs(5),
        }
    }
}

/// An open database file.
#[derive(Debug, Clone)]
pub struct Sqlite {
    writer: Writer,
    readers: Arc<Readers>,
    /// Rung after an append: there is something to deliver.
    appended: Arc<Notify>,
    /// Rung after a record: lists have grown.
    stored: Arc<Notify>,
}

impl Sqlite {
    /// Opens the file, makes it if it is not there, and starts the writer. Blocks for as long as the disk does.
    pub fn open(path: &Path, options: Options) -> Result<Self, OpenError> {
        let connection = schema::open_writable(path, options.busy_timeout)?;
        let readers = Readers::new(path.to_owned(), options);
        Ok(Self {
            writer: Writer::start(connection, options)?,
            readers: Arc::new(readers),
            appended: Arc::default(),
            stored: Arc::default(),
        })
    }

    /// The log, as buy and the delivery see it.
    #[must_use]
    pub fn log(&self) -> SqliteLog {
        SqliteLog(self.clone())
    }

    /// The store, as storer and query see it.
    #[must_use]
    pub fn store(&self) -> SqliteStore {
        SqliteStore(self.clone())
    }

    /// How many transactions were committed since the file was opened.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.writer.commits()
    }

    /// What the writing connection itself says about how it keeps its promise.
    pub async fn durability(&self) -> Result<Durability, WriteError> {
        self.writer.write(None, Durability::of).await
    }

    /// Fails when nothing could be written now. Writes the schema's version over itself, so it meets a full disk too.
    pub async fn probe(&self) -> Result<(), WriteError> {
        self.writer.write(None, schema::touch).await
    }

    /// Resolves when nothing will be written any more: the file was closed, or the writer has failed.
    pub async fn closed(&self) {
        self.writer.closed().await;
    }

    /// Finishes what is queued and closes the file. Later writes are refused.
    pub async fn close(&self) {
        self.writer.close().await;
    }
}
