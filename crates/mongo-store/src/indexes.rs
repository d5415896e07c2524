//! The indexes, which are also the order of the lists.

use std::time::Duration;

use mongodb::bson::{Document, doc};
use mongodb::{Collection, IndexModel};

use crate::error::MongoError;

/// Waits between two tries, doubled from the first to the last.
const WAITS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// The order of one user's list.
pub(crate) fn of_user() -> Document {
    doc! { "userid": 1, "timestamp": -1, "_id": -1 }
}

/// The order of everyone's list.
pub(crate) fn of_everyone() -> Document {
    doc! { "timestamp": -1, "_id": -1 }
}

/// Makes what is not there; returns once all are. Each try is a task of its own: it goes on when its caller leaves, because a
/// large collection takes as long as it takes.
pub(crate) async fn ensure<T: Send + Sync + 'static>(collection: &Collection<T>) {
    let mut wait = WAITS.0;
    loop {
        let collection = collection.clone();
        let create = tokio::spawn(async move {
            let models =
                [of_user(), of_everyone()].map(|keys| IndexModel::builder().keys(keys).build());
            collection.create_indexes(models).await
        });
        let error = match create.await {
            Ok(Ok(_)) => return,
            Ok(Err(error)) => MongoError::from(error),
            Err(_) => MongoError::Panicked,
        };
        let wait_ms = wait.as_millis();
        tracing::warn!(%error, wait_ms, "the indexes are not made yet: longer lists are slow until then");
        tokio::time::sleep(wait).await;
        wait = WAITS.1.min(wait * 2);
    }
}
