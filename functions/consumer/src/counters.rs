//! What the process counts beside its HTTP requests.

use std::sync::Arc;

use delivery::Progress;
use kafka_log::Subscription;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use purchase::event::Reason;
use serve::Metrics;

type Encoded = Result<(), std::fmt::Error>;

/// Read when somebody asks: the parts keep their own counts.
#[derive(Debug)]
pub(crate) struct Counters {
    pub(crate) progress: Arc<Progress>,
    pub(crate) subscription: Subscription,
}

impl Counters {
    pub(crate) fn register(self, metrics: &Metrics) {
        metrics.register(|registry| registry.register_collector(Box::new(self)));
    }
}

impl Collector for Counters {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Encoded {
        let Self {
            progress,
            subscription,
        } = self;
        let state = subscription.state();
        let encoder = &mut encoder;
        counter(
            encoder,
            "delivery_events_stored",
            "Purchases stored since the start",
            progress.stored(),
        )?;
        let help = "Records since the start whose purchase was stored before";
        counter(
            encoder,
            "delivery_events_duplicate",
            help,
            progress.duplicates(),
        )?;
        dead_letters(encoder, progress)?;
        let help = "Records taken from Kafka and not stored yet";
        gauge(
            encoder,
            "delivery_events_waiting",
            help,
            state.buffered + state.in_flight,
        )?;
        gauge(
            encoder,
            "delivery_partitions",
            "Partitions that this process reads",
            state.partitions.len(),
        )?;
        if let Some(oldest) = state.oldest {
            let help = "When the oldest of them came into the log, in seconds since 1970";
            let seconds = usize::try_from(oldest.millis() / 1_000).unwrap_or(0);
            gauge(encoder, "delivery_oldest_event_time_seconds", help, seconds)?;
        }
        let help = "1 while no more is read from Kafka, because what was read cannot be stored";
        gauge(encoder, "delivery_paused", help, usize::from(state.paused))?;
        let help = "1 while a batch waits because the store did not take it";
        gauge(
            encoder,
            "delivery_waits_for_store",
            help,
            usize::from(progress.store_refuses()),
        )?;
        let help = "1 while a batch waits because a dead letter cannot be written";
        gauge(
            encoder,
            "delivery_waits_for_dead_letters",
            help,
            usize::from(progress.dead_letters_refuse()),
        )
    }
}

fn dead_letters(encoder: &mut DescriptorEncoder<'_>, progress: &Progress) -> Encoded {
    let help = "Records since the start that became dead letters";
    let kind = ConstCounter::new(0_u64).metric_type();
    let mut family = encoder.encode_descriptor("delivery_dead_letters", help, None, kind)?;
    for reason in Reason::ALL {
        let labels = [("reason", reason.as_str())];
        ConstCounter::new(progress.dead(reason)).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}

fn counter(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, count: u64) -> Encoded {
    let metric = ConstCounter::new(count);
    metric.encode(encoder.encode_descriptor(name, help, None, metric.metric_type())?)
}

fn gauge(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: usize) -> Encoded {
    let metric = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
    metric.encode(encoder.encode_descriptor(name, help, None, metric.metric_type())?)
}
