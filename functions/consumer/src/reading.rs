//! From Kafka to the store: what the workers read from, and what they read in it.

use std::sync::Arc;

use async_trait::async_trait;
use delivery::{Arrival, DeadLetters, Settler, work};
use futures_util::future::select_all;
use kafka_log::record;
use kafka_log::{DeadLetterTopic, Delivery, Subscription, SubscriptionError};
use purchase::event::{self, Rejection};
use purchase::{PortError, Timestamp};
use thiserror::Error;
use tokio::task::{JoinError, JoinHandle};

/// One insert of so many purchases takes some ten milliseconds; more of them at a time are not faster.
const BATCH: usize = 1_000;
/// While one batch is being written the next one is decoded.
const WORKERS: usize = 2;

/// As the KafkaSource names where a raw record came from, but for what follows the `#`, which alone counts.
const SOURCE: &str = "/user-buy-list/consumer";

/// The workers that read. They end when the subscription is stopped.
pub(crate) struct Reading {
    subscription: Subscription,
    workers: Vec<JoinHandle<()>>,
}

/// Reading ended although nobody stopped it.
#[derive(Debug, Error)]
pub(crate) enum ReadingError {
    #[error(transparent)]
    Subscription(#[from] SubscriptionError),
    #[error("a worker ended: {0:?}")]
    Worker(Result<(), JoinError>),
}

impl Reading {
    /// Starts to read.
    #[must_use]
    pub(crate) fn start(subscription: &Subscription, settler: Settler<Delivery>) -> Self {
        let settler = Arc::new(settler);
        let worker = |_| {
            let (subscription, settler) = (subscription.clone(), Arc::clone(&settler));
            tokio::spawn(async move { work(&subscription, BATCH, arrival, &settler).await })
        };
        Self {
            workers: (0..WORKERS).map(worker).collect(),
            subscription: subscription.clone(),
        }
    }

    /// Resolves when reading ends by itself, which it never should.
    pub(crate) async fn failed(self) -> ReadingError {
        tokio::select! {
            biased;
            error = self.subscription.failed() => error.into(),
            (ended, ..) = select_all(self.workers) => ReadingError::Worker(ended),
        }
    }
}

/// Read as the KafkaSource reads it and judged as storer judges it, so that both roads come to the same purchase.
fn arrival(delivery: Delivery) -> Arrival<Delivery> {
    let mut event = record::read(&delivery.record, SOURCE);
    event::http::through_headers(&mut event);
    Arrival {
        entry: event::decode(&event),
        record: delivery,
    }
}

/// The dead letters as a topic.
pub(crate) struct Letters {
    pub(crate) topic: DeadLetterTopic,
    pub(crate) now: fn() -> Timestamp,
}

#[async_trait]
impl DeadLetters<Delivery> for Letters {
    async fn bury(&self, delivery: &Delivery, rejection: &Rejection) -> Result<(), PortError> {
        let record = &delivery.record;
        let (reason, detail) = (rejection.reason, rejection.detail.as_str());
        self.topic
            .bury(record, reason, detail, (self.now)())
            .await?;
        tracing::warn!(
            messaging.destination.name = &*record.topic,
            messaging.destination.partition.id = record.partition,
            messaging.kafka.offset = record.offset,
            reason = reason.as_str(),
            detail,
            "a record cannot be stored; it is kept as a dead letter"
        );
        Ok(())
    }
}
