//! Reading connections: a few, each used by one reader at a time, off the runtime's threads.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use purchase::PortError;
use rusqlite::Connection;
use tokio::sync::Semaphore;

use crate::error::read_error;
use crate::{Options, schema};

/// Reads are short and mostly from cache; more than this only contend for the same file.
const CONNECTIONS: usize = 4;

#[derive(Debug)]
pub(crate) struct Readers {
    path: PathBuf,
    options: Options,
    /// Held by the work itself: a caller that leaves does not end it.
    permits: Arc<Semaphore>,
    /// Opened when first needed.
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(crate) fn new(path: PathBuf, options: Options) -> Self {
        Self {
            path,
            options,
            permits: Arc::new(Semaphore::new(CONNECTIONS)),
            idle: Mutex::default(),
        }
    }

    /// Runs `work` on a connection of its own, within the deadline.
    pub(crate) async fn read<T, F>(self: &Arc<Self>, work: F) -> Result<T, PortError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let readers = Arc::clone(self);
        let reading = async move {
            let permits = Arc::clone(&readers.permits);
            let permit = permits
                .acquire_owned()
                .await
                .map_err(PortError::permanent)?;
            let work = move || {
                let result = readers.read_now(work);
                drop(permit);
                result
            };
            tokio::task::spawn_blocking(work)
                .await
                .map_err(PortError::permanent)?
        };
        tokio::time::timeout(self.options.deadline, reading)
            .await
            .map_err(|_| PortError::transient("the database did not answer within the deadline"))?
    }

    fn read_now<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, PortError> {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = idle().pop();
        let connection = match taken {
            Some(connection) => connection,
            None => {
                schema::open_readable(&self.path, self.options.busy_timeout).map_err(read_error)?
            }
        };
        let value = work(&connection).map_err(read_error)?;
        // A connection on which something failed is dropped instead.
        idle().push(connection);
        Ok(value)
    }
}
