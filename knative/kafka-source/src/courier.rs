//! One event to its sink, to the dead letter sink, or nowhere.

use std::future::pending;

use cloudevents::Event;
use delivery::{Dead, Outcome, Sink, deliver};
use kafka_log::Delivery;
use kafka_log::record::Record;
use tracing::Instrument as _;

use crate::address::Address;
use crate::block::DeliveryBlock;
use crate::counters::{Counters, Loss};
use crate::dead_letter::dead_letter;
use crate::http_sink::{HttpClient, Trace};
use crate::poll::Fate;
use crate::wire;

/// Brings single events to where they go.
pub(crate) struct Courier {
    pub(crate) client: HttpClient,
    pub(crate) sink: Address,
    pub(crate) block: DeliveryBlock,
    pub(crate) counters: Counters,
}

impl Courier {
    /// Ends when the record's position may be committed.
    pub(crate) async fn bring(&self, delivery: &Delivery, fate: Fate) {
        let Record {
            partition, offset, ..
        } = delivery.record;
        // At the level of errors, so that each line of a delivery names the place, whatever is filtered.
        let span = tracing::error_span!("delivery", partition, offset);
        let bring = async {
            match fate {
                Fate::Sent(event) => self.send(&delivery.record, &event).await,
                Fate::Lost(loss) => self.lost(&delivery.record, loss, "a header without a value"),
            }
        };
        self.counters.in_flight.inc();
        bring.instrument(span).await;
        self.counters.in_flight.dec();
    }

    async fn send(&self, record: &Record, event: &Event) {
        if let Err(unsendable) = wire::headers(event) {
            tracing::error!(%unsendable, "the event cannot be sent; the real KafkaSource tries all the same, and so does this");
        }
        let trace = Trace::of(record);
        let sink = self.client.sink(&self.sink, trace.as_ref());
        match deliver(&sink, event, &self.block.backoff).await {
            Outcome::Delivered => {
                self.counters.delivered.inc();
            }
            Outcome::Dead(dead) => self.bury(record, event, trace, dead).await,
        }
    }

    async fn bury(&self, record: &Record, event: &Event, trace: Option<Trace>, dead: Dead) {
        let said = dead.detail();
        let letter = match dead_letter(event, &self.sink, &dead) {
            Ok(letter) => letter,
            Err(stuck) => {
                tracing::error!(%stuck, said, "the event is stuck until a restart, as it is in the real KafkaSource");
                self.counters.stuck.inc();
                return pending().await;
            }
        };
        let Some(address) = &self.block.dead_letter_sink else {
            return self.lost(record, loss(event, Loss::NoDeadLetterSink), &said);
        };
        let sink: &dyn Sink = &self.client.sink(address, trace.as_ref());
        match deliver(sink, &letter, &self.block.backoff).await {
            Outcome::Delivered => {
                tracing::warn!(
                    attempts = dead.attempts,
                    said,
                    "the sink did not take the event; it is a dead letter"
                );
                self.counters.dead_letters.inc();
            }
            Outcome::Dead(dead) => {
                let said = format!("sink: {said}; dead letter sink: {}", dead.detail());
                self.lost(record, loss(&letter, Loss::DeadLetterFailed), &said);
            }
        }
    }

    fn lost(&self, record: &Record, loss: Loss, said: &str) {
        let Record {
            topic,
            partition,
            offset,
            ..
        } = record;
        let reason = loss.as_str();
        tracing::error!(%topic, partition, offset, reason, said, "EVENT LOST, as the real KafkaSource loses it");
        self.counters.lost(loss);
    }
}

/// Why an event is lost that went to no sink.
fn loss(event: &Event, otherwise: Loss) -> Loss {
    match wire::headers(event) {
        Err(_) => Loss::Unsendable,
        Ok(_) => otherwise,
    }
}
