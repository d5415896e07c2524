//! MongoDB as the store: the only crate that imports its driver.
//!
//! Invariant: `Ok` from a write means that a majority of the servers has it in its journal, and what a read tells has been
//! with a majority. The rest of an answer is an error that says whether trying again can help.
//!
//! In reading order: where MongoDB is ([`MongoConfig`]), how it is called (`calls`), a purchase as a document (`fields`,
//! `document`, `decimal`), writing (`writer`, `batch`, `earlier`), comparing
//! (`lookup`), reading (`reader`, `page`) and the indexes. It does not
//! group writes: whoever has many at once hands them over as one batch.

mod config;

mod error;

mod calls;

mod decimal;

mod fields;

mod document;

mod batch;

mod earlier;

mod writer;

mod lookup;

mod page;

mod reader;

mod summary;

mod indexes;

mod ready;

use std::sync::Arc;
use std::time::Duration;

use mongodb::bson::{RawDocumentBuf, doc};
use mongodb::options::{
    Acknowledgment, CollectionOptions, ReadConcern, ReadPreference, SelectionCriteria, WriteConcern,
};
use mongodb::{Client, Collection, Database};
use purchase::PortError;
use tokio::sync::Semaphore;

pub use config::MongoConfig;
pub use error::MongoError;

use calls::Calls;

/// The collection of the purchases, in every deployment.
const COLLECTION: &str = "purchases";
const PROBE_DEADLINE: Duration = Duration::from_secs(2);
const SUMS_MAX: usize = 4;
/// How long the server waits for the majority. Together with the time to find a server it is less than a write's deadline, so
/// that the answer is the server's and not a guess.
const MAJORITY_DEADLINE: Duration = Duration::from_secs(5);

/// The store. Clones share the connections, which end with the last of them.
#[derive(Clone)]
pub struct MongoStore {
    database: Database,
    purchases: Collection<RawDocumentBuf>,
    calls: Calls,
    /// Lists that are summed up here: each holds its items in memory.
    sums: Arc<Semaphore>,
}

impl MongoStore {
    /// Sets the driver up; needs no server, except a name server for `mongodb+srv`. Begins to open a connection, so that the
    /// first call finds one.
    pub async fn connect(config: MongoConfig) -> Result<Self, MongoError> {
        let database = config.database();
        let options = config.client_options().await?;
        let at_once_max = options.max_pool_size.unwrap_or(config::POOL_MAX);
        let database = Client::with_options(options)?.database(&database);
        let durable = WriteConcern::builder()
            .w(Acknowledgment::Majority)
            .journal(true)
            .w_timeout(MAJORITY_DEADLINE)
            .build();
        let collection = CollectionOptions::builder()
            .selection_criteria(SelectionCriteria::ReadPreference(ReadPreference::Primary))
            .read_concern(ReadConcern::majority())
            .write_concern(durable)
            .build();
        let store = Self {
            purchases: database.collection_with_options(COLLECTION, collection),
            calls: Calls::new(usize::try_from(at_once_max).unwrap_or(usize::MAX)),
            database,
            sums: Arc::new(Semaphore::new(SUMS_MAX)),
        };
        tokio::spawn(warm_up(store.clone()));
        Ok(store)
    }

    /// Whether a primary answers now, within two seconds.
    pub async fn probe(&self) -> Result<(), PortError> {
        let database = self.database.clone();
        let ping = async move {
            let primary = SelectionCriteria::ReadPreference(ReadPreference::Primary);
            database
                .run_command(doc! { "ping": 1 })
                .selection_criteria(primary)
                .await?;
            Ok(())
        };
        Ok(self.calls.run(PROBE_DEADLINE, ping).await?)
    }

    /// Makes the indexes that are not there, and tries again until it succeeded: for a task of its own, once the function
    /// listens. Everything works without them, but the lists are slow.
    pub async fn ensure_indexes(&self) {
        indexes::ensure(&self.purchases).await;
    }
}

/// Ends with its ping: at the latest when no server is found in time.
async fn warm_up(store: MongoStore) {
    if let Err(error) = store.probe().await {
        tracing::warn!(%error, "MongoDB does not answer yet");
    }
}
