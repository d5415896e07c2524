//! What the stand-in counts.

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use serve::Metrics;

/// How the real KafkaSource loses an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Loss {
    /// The sink did not take it, and there is no other.
    NoDeadLetterSink,
    /// The dead letter sink did not take it either.
    DeadLetterFailed,
    /// It cannot be written as a request, however often that is tried.
    Unsendable,
    /// Its record has a header without a value.
    NullHeader,
    /// It is raw, and so is a record of the same poll that has a header without a value.
    PollWithNullHeader,
}

impl Loss {
    const ALL: [Self; 5] = [
        Self::NoDeadLetterSink,
        Self::DeadLetterFailed,
        Self::Unsendable,
        Self::NullHeader,
        Self::PollWithNullHeader,
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::NoDeadLetterSink => "no-dead-letter-sink",
            Self::DeadLetterFailed => "dead-letter-failed",
            Self::Unsendable => "unsendable",
            Self::NullHeader => "null-header",
            Self::PollWithNullHeader => "poll-with-null-header",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: Loss,
}

impl EncodeLabelValue for Loss {
    fn encode(
        &self,
        encoder: &mut prometheus_client::encoding::LabelValueEncoder<'_>,
    ) -> Result<(), std::fmt::Error> {
        EncodeLabelValue::encode(&self.as_str(), encoder)
    }
}

/// Clones share the numbers.
#[derive(Debug, Clone, Default)]
pub struct Counters {
    pub(crate) delivered: Counter,
    pub(crate) dead_letters: Counter,
    pub(crate) in_flight: Gauge,
    pub(crate) stuck: Gauge,
    lost: Family<Reason, Counter>,
}

impl Counters {
    /// Registers them; each way to lose an event is there from the start, so that an alert need not wait for the first.
    pub fn register(&self, metrics: &Metrics) {
        for reason in Loss::ALL {
            drop(self.lost.get_or_create(&Reason { reason }));
        }
        let Self {
            delivered,
            dead_letters,
            in_flight,
            stuck,
            lost,
        } = self.clone();
        metrics.register(|registry| {
            let help = "Events that the sink took";
            registry.register("kafka_source_events_delivered", help, delivered);
            let help = "Events that the dead letter sink took";
            registry.register("kafka_source_dead_letters", help, dead_letters);
            let help = "Events that were given up and are in no sink";
            registry.register("kafka_source_events_lost", help, lost);
            let help = "Events on their way, waits between tries included";
            registry.register("kafka_source_events_in_flight", help, in_flight);
            let help = "Events that neither go on nor are given up until a restart";
            registry.register("kafka_source_events_stuck", help, stuck);
        });
    }

    pub(crate) fn lost(&self, reason: Loss) {
        self.lost.get_or_create(&Reason { reason }).inc();
    }
}
