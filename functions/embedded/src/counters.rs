//! What the process counts beside its HTTP requests.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::gauge::Gauge;
use serve::Metrics;
use sqlite::Sqlite;

/// What the pump tells of the delivery.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counters {
    pub(crate) delivered: Counter,
    /// Events in the log: on their way, behind, or delivered a moment ago.
    pub(crate) waiting: Gauge,
    pub(crate) dead_letters: Gauge,
}

impl Counters {
    pub(crate) fn register(metrics: &Metrics, sqlite: Sqlite) -> Self {
        let counters = Self::default();
        let Self {
            delivered,
            waiting,
            dead_letters,
        } = counters.clone();
        metrics.register(|registry| {
            let help = "Events that storer confirmed since the start";
            registry.register("delivery_events_delivered", help, delivered);
            registry.register("delivery_events_waiting", "Events in the log", waiting);
            registry.register(
                "delivery_dead_letters",
                "Events that cannot be stored",
                dead_letters,
            );
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
