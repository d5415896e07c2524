//! What can go wrong with a file, sorted by whether trying again can help.

use std::sync::Arc;

use purchase::{AppendError, PortError};
use rusqlite::ErrorCode;
use thiserror::Error;

/// The file cannot be used at all.
#[derive(Debug, Error)]
pub enum OpenError {
    #[error("cannot open the database {path}")]
    Open {
        path: String,
        source: rusqlite::Error,
    },
    #[error(
        "the database {path} was written by a newer version (schema {found}, known here: {known})"
    )]
    Newer {
        path: String,
        found: i64,
        known: i64,
    },
    #[error("the database {path} does not keep its promise: {found}, but WAL and FULL are needed")]
    NotDurable { path: String, found: String },
    #[error("cannot start the writer thread")]
    Thread(#[source] std::io::Error),
}

/// A write that was not acknowledged.
#[derive(Debug, Clone, Error)]
pub enum WriteError {
    #[error("the queue of the database is full")]
    QueueFull,
    #[error("the database is closed")]
    Closed,
    /// Rolled back before it was committed.
    #[error("{0}")]
    RolledBack(Arc<rusqlite::Error>),
    /// The commit itself failed, so what a crash would leave behind is not known.
    #[error("the commit failed: {0}")]
    Commit(Arc<rusqlite::Error>),
    #[error("no acknowledgement from the database within the deadline")]
    Deadline,
    /// The writer ended with the write in its hands or in its queue.
    #[error("the database was closed before it acknowledged")]
    Aborted,
}

impl WriteError {
    /// Whether it is certain that nothing was written and nothing will be.
    fn is_certain(&self) -> bool {
        matches!(self, Self::QueueFull | Self::Closed | Self::RolledBack(_))
    }
}

impl From<WriteError> for PortError {
    fn from(error: WriteError) -> Self {
        match &error {
            WriteError::RolledBack(cause) | WriteError::Commit(cause) if !may_pass(cause) => {
                Self::permanent(error)
            }
            _ => Self::transient(error),
        }
    }
}

impl From<WriteError> for AppendError {
    fn from(error: WriteError) -> Self {
        if error.is_certain() {
            Self::NotRecorded(error.into())
        } else {
            Self::Unknown(error.into())
        }
    }
}

/// A failed read as the port says it.
pub(crate) fn read_error(error: rusqlite::Error) -> PortError {
    if may_pass(&error) {
        PortError::transient(error)
    } else {
        PortError::permanent(error)
    }
}

/// Locked, full or failing disks recover; a corrupt or read-only file needs somebody.
pub(crate) fn may_pass(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::DiskFull
                | ErrorCode::SystemIoFailure
                | ErrorCode::CannotOpen
                | ErrorCode::OutOfMemory
                | ErrorCode::OperationInterrupted
        )
    )
}
