//! The file: its tables, and the settings that make a commit durable.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::error::OpenError;
use crate::summary;

/// Raised with every change of the tables; a file with a higher number is refused.
const VERSION: i64 = 1;

/// Prices are texts, because SQLite's numbers are doubles; times are milliseconds. `log.position` is never used twice, so a
/// position says which event it was even after the row is gone.
const TABLES: &str = "
CREATE TABLE log (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  event TEXT NOT NULL
) STRICT;
CREATE TABLE dead_letters (
  position INTEGER PRIMARY KEY,
  event TEXT NOT NULL,
  reason TEXT NOT NULL,
  detail TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  died_at INTEGER NOT NULL
) STRICT;
CREATE TABLE purchases (
  id TEXT PRIMARY KEY,
  userid TEXT NOT NULL,
  username TEXT NOT NULL,
  item TEXT,
  price TEXT NOT NULL,
  timestamp INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX purchases_by_user ON purchases (userid, timestamp DESC, id DESC);
CREATE INDEX purchases_by_time ON purchases (timestamp DESC, id DESC);
";

/// How a connection writes, in its own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Durability {
    /// `wal`.
    pub journal_mode: String,
    /// 2 is FULL: every commit is synced before it is acknowledged.
    pub synchronous: i64,
}

impl Durability {
    pub(crate) fn of(connection: &Connection) -> rusqlite::Result<Self> {
        let pragma = |name| connection.pragma_query_value(None, name, |row| row.get(0));
        Ok(Self {
            journal_mode: connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?,
            synchronous: pragma("synchronous")?,
        })
    }

    fn is_enough(&self) -> bool {
        self.journal_mode == "wal" && self.synchronous == 2
    }
}

/// The one connection that writes.
pub(crate) fn open_writable(path: &Path, busy_timeout: Duration) -> Result<Connection, OpenError> {
    let shown = path.display().to_string();
    let open = |source| OpenError::Open {
        path: shown.clone(),
        source,
    };
    let connection = Connection::open(path).map_err(open)?;
    set_up(&connection, busy_timeout).map_err(open)?;
    let durability = Durability::of(&connection).map_err(open)?;
    if !durability.is_enough() {
        return Err(OpenError::NotDurable {
            path: shown,
            found: format!("{durability:?}"),
        });
    }
    let found = migrate(&connection).map_err(open)?;
    if found > VERSION {
        return Err(OpenError::Newer {
            path: shown,
            found,
            known: VERSION,
        });
    }
    Ok(connection)
}

fn set_up(connection: &Connection, busy_timeout: Duration) -> rusqlite::Result<()> {
    connection.busy_timeout(busy_timeout)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    // On macOS a plain fsync leaves data in the drive's cache.
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "checkpoint_fullfsync", true)
}

/// Makes the tables of an empty file; gives the version of the file as it is now.
fn migrate(connection: &Connection) -> rusqlite::Result<i64> {
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found == 0 {
        connection.execute_batch(&format!(
            "BEGIN IMMEDIATE; {TABLES} PRAGMA user_version = {VERSION}; COMMIT;"
        ))?;
        return Ok(VERSION);
    }
    Ok(found)
}

/// A write that changes nothing.
pub(crate) fn touch(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "user_version", VERSION)
}

/// A connection that can only read.
pub(crate) fn open_readable(path: &Path, busy_timeout: Duration) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(busy_timeout)?;
    summary::set_up(&connection)?;
    Ok(connection)
}

/// A value in the file that this program did not write.
pub(crate) fn unreadable(column: usize, name: &str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(
        column,
        rusqlite::types::Type::Text,
        format!("column {name} holds something unexpected").into(),
    )
}
