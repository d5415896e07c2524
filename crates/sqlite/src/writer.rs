//! The writer: one thread, one connection, one transaction for everything that is waiting.
//!
//! While a group is being committed the next one gathers in the queue. So with one caller a write costs one sync, and with
//! many they share it, without a timer. Nobody is answered before the commit. A job that fails by itself is undone by
//! itself; when the disk or the lock fails, the group stands or falls together.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::{Notify, mpsc, oneshot};

use crate::Options;
use crate::error::{OpenError, WriteError, may_pass};

/// Bounds how long the first of a group waits for the last; a thousand inserts take a few milliseconds.
const GROUP_MAX: usize = 1_000;

/// The way to the writer thread. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Writer {
    queue: mpsc::Sender<Message>,
    deadline: Duration,
    commits: Arc<AtomicU64>,
}

impl Writer {
    pub(crate) fn start(connection: Connection, options: Options) -> Result<Self, OpenError> {
        let (queue, messages) = mpsc::channel(options.queue_max);
        let commits = Arc::new(AtomicU64::new(0));
        let thread = WriterThread {
            connection,
            messages,
            commits: Arc::clone(&commits),
        };
        thread::Builder::new()
            .name("sqlite-writer".to_owned())
            .spawn(move || thread.run())
            .map_err(OpenError::Thread)?;
        Ok(Self {
            queue,
            deadline: options.deadline,
            commits,
        })
    }

    pub(crate) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Runs `work` in the next transaction and answers once that is committed. `after` is rung then, even if the caller has
    /// gone away meanwhile.
    pub(crate) async fn write<T, F>(
        &self,
        after: Option<&Arc<Notify>>,
        work: F,
    ) -> Result<T, WriteError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = Job {
            state: State::Waiting(work),
            reply,
            after: after.cloned(),
        };
        self.queue
            .try_send(Message::Write(Box::new(job)))
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => WriteError::QueueFull,
                mpsc::error::TrySendError::Closed(_) => WriteError::Closed,
            })?;
        match tokio::time::timeout(self.deadline, answer).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(WriteError::Aborted),
            Err(_) => Err(WriteError::Deadline),
        }
    }

    /// Resolves when there is no thread any more to write anything.
    pub(crate) async fn closed(&self) {
        self.queue.closed().await;
    }

    pub(crate) async fn close(&self) {
        let (done, closed) = oneshot::channel();
        // An error either way means that the thread is gone already.
        if self.queue.send(Message::Close(done)).await.is_ok() {
            let _ = closed.await;
        }
    }
}

enum Message {
    Write(Box<dyn Work>),
    Close(oneshot::Sender<()>),
}

/// What became of one job.
type Outcome = Result<(), WriteError>;

/// A job without its types.
trait Work: Send {
    fn run(&mut self, connection: &Connection) -> rusqlite::Result<()>;
    fn answer(self: Box<Self>, outcome: Outcome);
}

struct Job<T, F> {
    state: State<T, F>,
    reply: oneshot::Sender<Result<T, WriteError>>,
    after: Option<Arc<Notify>>,
}

enum State<T, F> {
    Waiting(F),
    Done(T),
    Failed,
}

impl<T, F> Work for Job<T, F>
where
    T: Send,
    F: FnOnce(&Connection) -> rusqlite::Result<T> + Send,
{
    fn run(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        if let State::Waiting(work) = std::mem::replace(&mut self.state, State::Failed) {
            self.state = State::Done(work(connection)?);
        }
        Ok(())
    }

    fn answer(self: Box<Self>, outcome: Outcome) {
        let result = match (outcome, self.state) {
            (Ok(()), State::Done(value)) => Ok(value),
            // A committed group has run all its jobs, so only errors are left.
            (outcome, _) => Err(outcome.err().unwrap_or(WriteError::Aborted)),
        };
        let committed = result.is_ok();
        // The caller may have given up; the work is done all the same.
        let _ = self.reply.send(result);
        if let Some(after) = self.after.filter(|_| committed) {
            after.notify_one();
        }
    }
}

struct WriterThread {
    connection: Connection,
    messages: mpsc::Receiver<Message>,
    commits: Arc<AtomicU64>,
}

impl WriterThread {
    fn run(mut self) {
        let mut closing = None;
        while closing.is_none()
            && let Some(message) = self.messages.blocking_recv()
        {
            let mut group = Vec::new();
            let mut next = Some(message);
            while let Some(message) = next.take() {
                match message {
                    Message::Write(job) => group.push(job),
                    Message::Close(done) => closing = Some(done),
                }
                if closing.is_none() && group.len() < GROUP_MAX {
                    next = self.messages.try_recv().ok();
                }
            }
            if !group.is_empty() {
                self.commit(group);
            }
        }
        self.messages.close();
        // Best effort: the next start replays the WAL if this fails.
        let _ = self
            .connection
            .execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
        drop(self.connection);
        if let Some(done) = closing {
            let _ = done.send(());
        }
    }

    fn commit(&mut self, mut group: Vec<Box<dyn Work>>) {
        let outcomes = match self.transact(&mut group) {
            Ok(outcomes) => {
                self.commits.fetch_add(1, Ordering::Relaxed);
                outcomes
            }
            Err(error) => {
                if !self.connection.is_autocommit() {
                    // Without it the next BEGIN would fail; an error here shows up there.
                    let _ = self.connection.execute_batch("ROLLBACK");
                }
                vec![Err(error); group.len()]
            }
        };
        for (job, outcome) in group.into_iter().zip(outcomes) {
            job.answer(outcome);
        }
    }

    /// Runs the group in one transaction; an error is the whole group's, the others are of single jobs.
    fn transact(&self, group: &mut [Box<dyn Work>]) -> Result<Vec<Outcome>, WriteError> {
        let rolled_back = |error| WriteError::RolledBack(Arc::new(error));
        let execute = |sql| self.connection.prepare_cached(sql)?.execute([]).map(drop);
        self.connection
            .execute_batch("BEGIN IMMEDIATE")
            .map_err(rolled_back)?;
        let mut outcomes = Vec::with_capacity(group.len());
        for job in group {
            execute("SAVEPOINT job").map_err(rolled_back)?;
            let outcome = job.run(&self.connection);
            if let Err(error) = &outcome {
                if self.connection.is_autocommit() || may_pass(error) {
                    return outcome.map(|()| outcomes).map_err(rolled_back);
                }
                execute("ROLLBACK TO job").map_err(rolled_back)?;
            }
            outcomes.push(outcome.map_err(rolled_back));
            execute("RELEASE job").map_err(rolled_back)?;
        }
        self.connection
            .execute_batch("COMMIT")
            .map_err(|error| WriteError::Commit(Arc::new(error)))?;
        Ok(outcomes)
    }
}
