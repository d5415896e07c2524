//! Puts the parts together.

use std::sync::Arc;
use std::time::Duration;

use delivery::{Pace, Progress, Recorder, RecorderOptions, Settler};
use kafka_log::{DeadLetterTopic, Subscription, SubscriptionOptions};
use mongo_store::MongoStore;
use purchase::Stamp;
use query::Query;
use serve::{App, BoxError, Function, Metrics};
use storer::Storer;

use crate::config::Config;
use crate::counters::Counters;
use crate::reading::{Letters, Reading};
use crate::watchdog::watch;
use crate::{HINT, OPENAPI, routes};

/// Positions are cheap to commit, and what is not committed is delivered again after a kill.
const COMMIT_PAUSE: Duration = Duration::from_secs(1);
/// For a batch that is being written; what does not come back in time is delivered again.
const STOP_MAX: Duration = Duration::from_secs(5);

/// For dead letters on their way: what waited for them is not done either.
const CLOSE_MAX: Duration = Duration::from_secs(2);

/// Starts to read and to answer.
pub async fn start(config: Config) -> Result<Function, BoxError> {
    let stamp = Stamp::system();
    let store = MongoStore::connect(config.mongodb).await?;
    let dead_letters = DeadLetterTopic::new(&config.kafka, &config.dead_letter_topic)?;
    let options = SubscriptionOptions {
        commit_pause: COMMIT_PAUSE,
        ..SubscriptionOptions::new(config.topic, config.group)
    };
    let subscription = Subscription::start(&config.kafka, options)?;

    let progress = Arc::new(Progress::default());
    let metrics = Metrics::new();
    let counters = Counters {
        progress: progress.clone(),
        subscription: subscription.clone(),
    };
    counters.register(&metrics);
    let settler = Settler {
        writer: Arc::new(store.clone()),
        dead_letters: Arc::new(Letters {
            topic: dead_letters.clone(),
            now: stamp.now,
        }),
        pace: Pace::new(stamp.random),
        progress: progress.clone(),
    };
    let reading = Reading::start(&subscription, settler);

    let storer = Storer {
        recorder: Recorder::start(Arc::new(store.clone()), RecorderOptions::default()),
        stamp,
    };
    let routes = routes(storer, Query::new(Arc::new(store.clone())));
    let app = App::new("consumer", HINT, routes)
        .openapi(OPENAPI)
        .ready(Arc::new(subscription.clone()))
        .ready(Arc::new(dead_letters.clone()))
        .ready(Arc::new(store.clone()))
        .metrics(metrics);
    tokio::spawn(async move { store.ensure_indexes().await });

    let watched = watch(subscription.clone(), progress);
    let failed = async move {
        tokio::select! {
            error = reading.failed() => BoxError::from(error),
            stalled = watched => stalled.into(),
        }
    };
    let stop_reading = async move {
        subscription.stop(STOP_MAX).await;
        dead_letters.close(CLOSE_MAX).await;
    };
    let function = Function::new(app, config.http).failed(failed);
    Ok(function.beside_the_drain(stop_reading))
}
