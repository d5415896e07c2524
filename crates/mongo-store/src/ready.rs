//! Whether the store is there, for `GET /ready`.

use async_trait::async_trait;
use serve::ReadyCheck;

use crate::MongoStore;

#[async_trait]
impl ReadyCheck for MongoStore {
    fn name(&self) -> &'static str {
        "store"
    }

    async fn missing(&self) -> Option<String> {
        self.probe().await.err().map(|error| error.to_string())
    }
}
