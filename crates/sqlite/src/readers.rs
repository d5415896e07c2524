//! Reading connections: a few, each used by one reader at a time, off the runtime's threads.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use purchase::PortError;
use rusqlite::{Connection, InterruptHandle};
use tokio::sync::Semaphore;

use crate::error::read_error;
use crate::{Options, schema};

/// Reads are short and mostly from cache; more than this only contend for the same file.
const CONNECTIONS: usize = 4;

#[derive(Debug)]
pub(crate) struct Readers {
    path: PathBuf,
    options: Options,
    /// Held by the work itself, which ends soon after its caller has left.
    permits: Arc<Semaphore>,
    /// Of long reads one at a time, so that short ones find a connection.
    long: Semaphore,
    /// Opened when first needed.
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(crate) fn new(path: PathBuf, options: Options) -> Self {
        Self {
            path,
            options,
            permits: Arc::new(Semaphore::new(CONNECTIONS)),
            long: Semaphore::new(1),
            idle: Mutex::default(),
        }
    }

    /// Runs `work` on a connection of its own, within the deadline.
    pub(crate) async fn read<T, F>(self: &Arc<Self>, work: F) -> Result<T, PortError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        self.within_the_deadline(self.run(work)).await
    }

    /// The same for work that may take as long as a user's list.
    pub(crate) async fn read_long<T, F>(self: &Arc<Self>, work: F) -> Result<T, PortError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let reading = async {
            let _turn = self.long.acquire().await.map_err(PortError::permanent)?;
            self.run(work).await
        };
        self.within_the_deadline(reading).await
    }

    async fn within_the_deadline<T>(
        &self,
        reading: impl Future<Output = Result<T, PortError>>,
    ) -> Result<T, PortError> {
        tokio::time::timeout(self.options.deadline, reading)
            .await
            .map_err(|_| PortError::transient("the database did not answer within the deadline"))?
    }

    async fn run<T, F>(self: &Arc<Self>, work: F) -> Result<T, PortError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let readers = Arc::clone(self);
        let permits = Arc::clone(&readers.permits);
        let permit = permits
            .acquire_owned()
            .await
            .map_err(PortError::permanent)?;
        let caller = Caller::default();
        let running = Arc::clone(&caller.0);
        let work = move || {
            let result = readers.read_now(&running, work);
            drop(permit);
            result
        };
        tokio::task::spawn_blocking(work)
            .await
            .map_err(PortError::permanent)?
    }

    fn read_now<T>(
        &self,
        running: &Mutex<Option<InterruptHandle>>,
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
        let set = |handle| *running.lock().unwrap_or_else(PoisonError::into_inner) = handle;
        set(Some(connection.get_interrupt_handle()));
        let value = work(&connection);
        // From here on the connection is somebody else's.
        set(None);
        let value = value.map_err(read_error)?;
        // A connection on which something failed is dropped instead.
        idle().push(connection);
        Ok(value)
    }
}

/// Whoever waits for a read. When it leaves, the read is interrupted.
#[derive(Default)]
struct Caller(Arc<Mutex<Option<InterruptHandle>>>);

impl Drop for Caller {
    fn drop(&mut self) {
        let running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(read) = running.as_ref() {
            read.interrupt();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::oneshot;
    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn a_read_whose_caller_has_left_ends() {
        const ENDLESS: &str = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let options = Options {
            deadline: Duration::from_millis(50),
            ..Options::default()
        };
        schema::open_writable(&path, options.busy_timeout).unwrap();
        let readers = Arc::new(Readers::new(path, options));
        let (ended, end) = oneshot::channel();
        let endless = move |connection: &Connection| {
            let counted = connection.query_row(ENDLESS, [], |row| row.get::<_, i64>(0));
            let _ = ended.send(());
            counted
        };
        let read = readers.read_long(endless).await;
        assert!(matches!(read, Err(PortError::Transient(_))), "{read:?}");
        timeout(testkit::PATIENCE, end).await.unwrap().unwrap();
        // And the next one has its place.
        let one = |connection: &Connection| connection.query_row("SELECT 1", [], |row| row.get(0));
        let read: Result<i64, _> = readers.read_long(one).await;
        assert_eq!(read.unwrap(), 1);
    }
}
