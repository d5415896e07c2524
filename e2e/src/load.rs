//! Clients that buy at a steady rate and write down what they were told.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use testkit::app::client;
use testkit::oracle::{Intent, Oracle, Outcome};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// Purchases that go on for a while.
pub struct Load {
    buyers: JoinSet<()>,
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
}

/// Buys `per_second` times a second for `time`, whatever the answers are, half of it with a key; each purchase is one intent. What
/// was not acknowledged with a key is repeated once, as a careful client does.
pub fn buy(oracle: &Arc<Oracle>, url: &str, users: u64, per_second: u32, time: Duration) -> Load {
    let told = Arc::new(Told::default());
    let mut buyers = JoinSet::new();
    let (oracle, url, counted) = (oracle.clone(), url.to_owned(), told.clone());
    buyers.spawn(async move {
        let client = client();
        let mut tick = interval(Duration::from_secs(1) / per_second);
        tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let end = Instant::now() + time;
        let mut purchases = JoinSet::new();
        for n in 0_u64.. {
            tick.tick().await;
            if Instant::now() >= end {
                break;
            }
            let (oracle, url, client, told) =
                (oracle.clone(), url.clone(), client.clone(), counted.clone());
            purchases.spawn(async move {
                let intent = Intent::new(&format!("user-{}", n % users), n % 2 == 0);
                for _ in 0..2 {
                    let begun = Instant::now();
                    let outcome = oracle.buy(&client, &url, &intent).await;
                    told.count(&outcome, begun.elapsed());
                    if intent.key.is_none() || matches!(outcome, Outcome::Accepted(_)) {
                        return;
                    }
                }
            });
            while purchases.try_join_next().is_some() {}
        }
        while let Some(ended) = purchases.join_next().await {
            ended.unwrap();
        }
    });
    Load { buyers, told }
}

impl Load {
    /// Waits for the last answer.
    pub async fn end(mut self) -> Arc<Told> {
        while let Some(ended) = self.buyers.join_next().await {
            ended.unwrap();
        }
        self.told
    }
}
