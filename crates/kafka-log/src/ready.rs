//! Whether the log is there, for `GET /ready`.

use async_trait::async_trait;
use serve::ReadyCheck;

use crate::{DeadLetterTopic, KafkaLog, Subscription};

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
impl ReadyCheck for DeadLetterTopic {
    fn name(&self) -> &'static str {
        "dead letters"
    }

    async fn missing(&self) -> Option<String> {
        self.probe().await.err().map(|error| error.to_string())
    }
}

/// A member without partitions lacks nothing: others have them all.
#[async_trait]
impl ReadyCheck for Subscription {
    fn name(&self) -> &'static str {
        LOG
    }

    async fn missing(&self) -> Option<String> {
        self.state().fault
    }
}
