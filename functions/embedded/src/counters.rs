//! What the process counts beside its HTTP requests.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use serve::Metrics;
use sqlite::Sqlite;

/// The pump's counters.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counters {
    pub(crate) delivered: Counter,
    pub(crate) dead_letters: Counter,
}

impl Counters {
    pub(crate) fn register(metrics: &Metrics, sqlite: Sqlite) -> Self {
        let counters = Self::default();
        metrics.register(|registry| {
            let delivered = "Events that storer confirmed";
            registry.register(
                "delivery_events_delivered",
                delivered,
                counters.delivered.clone(),
            );
            let dead = "Events that became dead letters";
            registry.register("delivery_dead_letters", dead, counters.dead_letters.clone());
            registry.register_collector(Box::new(Commits(sqlite)));
        });
        counters
    }
}

#[derive(Debug)]
struct Commits(Sqlite);

impl Collector for Commits {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let commits = ConstCounter::new(self.0.commits());
        let help = "Transactions committed since the start";
        let metric =
            encoder.encode_descriptor("sqlite_commits", help, None, commits.metric_type())?;
        commits.encode(metric)
    }
}
