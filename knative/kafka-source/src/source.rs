//! The running stand-in: subscription, deliveries, and their common end.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use kafka_log::{KafkaLogError, Subscription, SubscriptionError, SubscriptionOptions};
use thiserror::Error;
use tokio::sync::{Mutex, watch};
use tokio::task::{AbortHandle, JoinError, JoinHandle};
use tokio::time::timeout;

use crate::config::{Config, Ordering};
use crate::counters::Counters;
use crate::courier::Courier;
use crate::http_sink::HttpClient;
use crate::{ordered, unordered};

/// `auto.commit.interval.ms` of `config-kafka-source-data-plane`.
const COMMIT_PAUSE: Duration = Duration::from_secs(5);
/// For the answers that are awaited when it is stopped. Events that wait for their next try are delivered after a restart.
const STOP_MAX: Duration = Duration::from_secs(5);
/// From an answer to the mark that its event is done.
const SETTLE_MAX: Duration = Duration::from_millis(200);

#[derive(Debug, Error)]
pub enum SourceError {
    #[error(transparent)]
    Subscription(#[from] SubscriptionError),
    #[error("a delivery panicked")]
    Delivery(#[source] JoinError),
}

/// Reads a topic and posts its events until it is stopped.
pub struct Source {
    subscription: Subscription,
    courier: Arc<Courier>,
    stop: watch::Sender<bool>,
    /// Taken by whoever waits for its end.
    task: Mutex<Option<JoinHandle<Result<(), JoinError>>>>,
    abort: AbortHandle,
}

impl Source {
    pub fn start(config: Config, counters: Counters) -> Result<Self, KafkaLogError> {
        let options = SubscriptionOptions {
            commit_pause: COMMIT_PAUSE,
            ..SubscriptionOptions::new(config.topic, config.group)
        };
        let subscription = Subscription::start(&config.kafka, options)?;
        let courier = Arc::new(Courier {
            client: HttpClient::new(config.identity.namespace_header(), config.delivery.timeout),
            sink: config.sink,
            block: config.delivery,
            counters,
        });
        let (stop, stopped) = watch::channel(false);
        let (reads, sends) = (subscription.clone(), courier.clone());
        let (source, poll_max) = (config.identity.event_source(), config.poll_max);
        let task = match config.ordering {
            Ordering::Ordered => {
                tokio::spawn(ordered::run(reads, sends, source, poll_max, stopped))
            }
            Ordering::Unordered => {
                tokio::spawn(unordered::run(reads, sends, source, poll_max, stopped))
            }
        };
        let abort = task.abort_handle();
        Ok(Self {
            subscription,
            courier,
            stop,
            task: Mutex::new(Some(task)),
            abort,
        })
    }

    #[must_use]
    pub fn subscription(&self) -> &Subscription {
        &self.subscription
    }

    /// Resolves when it ended without having been stopped.
    pub async fn failed(&self) -> SourceError {
        let task = self.task.lock().await.take();
        let delivering = async {
            match task {
                Some(task) => match task.await {
                    Ok(Err(panicked)) | Err(panicked) => SourceError::Delivery(panicked),
                    // With the subscription, which says why.
                    Ok(Ok(())) => pending().await,
                },
                None => pending().await,
            }
        };
        tokio::select! {
            error = self.subscription.failed() => error.into(),
            error = delivering => error,
        }
    }

    /// Takes no more records, waits for the answers that are on their way, commits and leaves the group.
    pub async fn stop(&self) {
        self.stop.send_replace(true);
        if timeout(STOP_MAX, self.courier.client.idle()).await.is_err() {
            tracing::warn!(
                "a sink did not answer in time; its events are delivered again after a restart"
            );
        }
        self.subscription.stop(SETTLE_MAX).await;
        self.abort.abort();
    }
}
