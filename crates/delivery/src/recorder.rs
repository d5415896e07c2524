//! Grouped writes: while one batch is being written the next one gathers. Sixty-four deliveries at once cost a few writes, a
//! lonely one waits for nothing, and there is no timer.

use std::sync::Arc;
use std::time::Duration;

use purchase::{Entry, PortError, PurchaseWriter, Recorded};
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};

/// Sizes and deadlines.
#[derive(Debug, Clone, Copy)]
pub struct RecorderOptions {
    /// Deliveries that may wait; over it they are refused at once.
    pub queue_max: usize,
    /// Purchases after which a batch gathers no more.
    pub batch_max: usize,
    /// How long a delivery waits for its answer. The write goes on without it: a driver's work is never cancelled.
    pub deadline: Duration,
}

impl Default for RecorderOptions {
    fn default() -> Self {
        Self {
            queue_max: 512,
            batch_max: 1_000,
            deadline: Duration::from_secs(10),
        }
    }
}

/// Why it is not known whether a purchase is stored. All of these may pass.
#[derive(Debug, Error)]
pub enum RecordError {
    #[error("too many deliveries are waiting for the store")]
    Saturated,
    #[error("no answer from the store within {0:?}")]
    Deadline(Duration),
    #[error("the store failed")]
    Store(#[source] PortError),
}

/// Records purchases through a writer, grouped. Clones share the group; the task behind it ends with the last of them.
#[derive(Debug, Clone)]
pub struct Recorder {
    queue: mpsc::Sender<Delivery>,
    options: RecorderOptions,
}

struct Delivery {
    entries: Vec<Entry>,
    reply: oneshot::Sender<Vec<Result<Recorded, PortError>>>,
}

impl Recorder {
    /// Starts the task that writes.
    #[must_use]
    pub fn start(writer: Arc<dyn PurchaseWriter>, options: RecorderOptions) -> Self {
        let (queue, deliveries) = mpsc::channel(options.queue_max);
        tokio::spawn(write_batches(writer, deliveries, options.batch_max));
        Self { queue, options }
    }

    /// Records the purchases of one delivery; answers in their order.
    pub async fn record(
        &self,
        entries: Vec<Entry>,
    ) -> Result<Vec<Result<Recorded, PortError>>, RecordError> {
        if entries.is_empty() {
            return Ok(Vec::new());
        }
        let (reply, answer) = oneshot::channel();
        self.queue
            .try_send(Delivery { entries, reply })
            .map_err(|_| RecordError::Saturated)?;
        match tokio::time::timeout(self.options.deadline, answer).await {
            Ok(Ok(recorded)) => Ok(recorded),
            Ok(Err(_)) => Err(RecordError::Store(PortError::transient(
                "the write was aborted",
            ))),
            Err(_) => Err(RecordError::Deadline(self.options.deadline)),
        }
    }
}

async fn write_batches(
    writer: Arc<dyn PurchaseWriter>,
    mut deliveries: mpsc::Receiver<Delivery>,
    batch_max: usize,
) {
    while let Some(first) = deliveries.recv().await {
        let mut batch = first.entries;
        let mut replies = vec![(first.reply, batch.len())];
        while batch.len() < batch_max
            && let Ok(next) = deliveries.try_recv()
        {
            replies.push((next.reply, next.entries.len()));
            batch.extend(next.entries);
        }
        let (writer, length) = (Arc::clone(&writer), batch.len());
        // A task of its own, so that a panic in a driver costs one batch and not the recorder. Without their replies the
        // deliveries of a failed batch learn that it is not known what was written.
        let recorded = match tokio::spawn(async move { writer.record_all(batch).await }).await {
            Ok(recorded) if recorded.len() == length => recorded,
            Ok(recorded) => {
                let answers = recorded.len();
                tracing::error!(
                    length,
                    answers,
                    "the store did not answer for each purchase of a batch"
                );
                continue;
            }
            Err(error) => {
                tracing::error!(%error, "the store panicked while it wrote a batch");
                continue;
            }
        };
        let mut recorded = recorded.into_iter();
        for (reply, length) in replies {
            // Whoever gave up waiting asks again later and gets a duplicate.
            let _ = reply.send(recorded.by_ref().take(length).collect());
        }
    }
}
