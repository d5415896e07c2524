//! Clients that buy at a steady rate and write down what they were told.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use testkit::app::client;
use testkit::oracle::{Intent, Oracle, Outcome};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

/// Between the tries of a careful client, and how many there are: longer than any outage that a load runs through.
const TRY_AGAIN: Duration = Duration::from_millis(250);
const TRIES_MAX: usize = 12;

/// Purchases that go on until they are stopped.
pub struct Load {
    buyer: JoinHandle<()>,
    stop: watch::Sender<bool>,
    pub told: Arc<Told>,
}

/// Answers so far.
#[derive(Debug, Default)]
pub struct Told {
    pub accepted: AtomicU64,
    pub not_recorded: AtomicU64,
    pub ambiguous: AtomicU64,
    /// Of any answer, in milliseconds.
    pub slowest_ms: AtomicU64,
}

impl Told {
    fn count(&self, outcome: &Outcome, took: Duration) {
        let counter = match outcome {
            Outcome::Accepted(_) => &self.accepted,
            Outcome::NotRecorded => &self.not_recorded,
            Outcome::Ambiguous => &self.ambiguous,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        let took = u64::try_from(took.as_millis()).unwrap();
        self.slowest_ms.fetch_max(took, Ordering::Relaxed);
    }

    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Answers that promised nothing, whatever they said of the purchase.
    pub fn refused(&self) -> u64 {
        self.not_recorded.load(Ordering::Relaxed) + self.ambiguous.load(Ordering::Relaxed)
    }

    pub fn slowest(&self) -> Duration {
        Duration::from_millis(self.slowest_ms.load(Ordering::Relaxed))
    }
}

/// Buys `per_second` times a second, whatever the answers are, for `users`, half of it with a key; each purchase is one intent.
/// What was not acknowledged is tried again when it has a key, as a careful client does.
pub fn buy(oracle: &Arc<Oracle>, url: &str, users: u64, per_second: u32) -> Load {
    let told = Arc::new(Told::default());
    let stop = watch::Sender::new(false);
    let (oracle, url, counted, stopped) = (
        oracle.clone(),
        url.to_owned(),
        told.clone(),
        stop.subscribe(),
    );
    let buyer = tokio::spawn(async move {
        let client = client();
        let mut tick = interval(Duration::from_secs(1) / per_second);
        tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut purchases = JoinSet::new();
        for n in 0_u64.. {
            tick.tick().await;
            if *stopped.borrow() {
                break;
            }
            let (oracle, url, client, told) =
                (oracle.clone(), url.clone(), client.clone(), counted.clone());
            purchases.spawn(async move {
                let intent = Intent::new(&format!("user-{}", n % users), n % 2 == 0);
                for _ in 0..TRIES_MAX {
                    let begun = Instant::now();
                    let outcome = oracle.buy(&client, &url, &intent).await;
                    told.count(&outcome, begun.elapsed());
                    if intent.key.is_none() || matches!(outcome, Outcome::Accepted(_)) {
                        return;
                    }
                    sleep(TRY_AGAIN).await;
                }
            });
            while purchases.try_join_next().is_some() {}
        }
        while let Some(ended) = purchases.join_next().await {
            ended.unwrap();
        }
    });
    Load { buyer, stop, told }
}

impl Load {
    /// Buys no more, and waits for the last answer.
    pub async fn end(self) -> Arc<Told> {
        self.stop.send_replace(true);
        self.buyer.await.unwrap();
        self.told
    }
}
