//! Whether purchases can be taken right now: for people and alerts, never for probes.

use async_trait::async_trait;
use serve::ReadyCheck;
use sqlite::Sqlite;

pub(crate) struct Database(pub(crate) Sqlite);

#[async_trait]
impl ReadyCheck for Database {
    fn name(&self) -> &'static str {
        "database"
    }

    /// A write like buy's own, so it misses what buy would miss.
    async fn missing(&self) -> Option<String> {
        self.0.probe().await.err().map(|error| error.to_string())
    }
}
