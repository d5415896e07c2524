//! Whether the log is there, for `GET /ready`.

use async_trait::async_trait;
use serve::ReadyCheck;

use crate::{KafkaLog, Subscription};

const LOG: &str = "log";

#[async_trait]
impl ReadyCheck for KafkaLog {
    fn name(&self) -> &'static str {
        LOG
    }

    async fn missing(&self) -> Option<String> {
        self.probe().await.err().map(|error| error.to_string())
    }
}

#[async_trait]
impl ReadyCheck for Subscription {
    fn name(&self) -> &'static str {
        LOG
    }

    async fn missing(&self) -> Option<String> {
        let state = self.state();
        let nothing = || "no partition is assigned to this member of the group".to_owned();
        state
            .fault
            .or_else(|| state.partitions.is_empty().then(nothing))
    }
}
