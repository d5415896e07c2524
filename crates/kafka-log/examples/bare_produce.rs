//! The floor for cold starts: a librdkafka producer with the settings of the log and nothing else. Writes one record, says
//! `acknowledged` once all in-sync replicas have it, and ends at once.
//!
//! `bare_produce BROKER TOPIC`
#![allow(clippy::print_stdout, reason = "what it says is what it is for")]

use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{
    BaseRecord, DeliveryResult, NoCustomPartitioner, ProducerContext, ThreadedProducer,
};

const VALUE: &str = r#"{"username":"Ada Lovelace","userid":"ada","item":"tea","price":12.5,"timestamp":"2026-01-31T12:00:00.000Z"}"#;

type Error = Box<dyn std::error::Error>;

struct Context;

impl ClientContext for Context {}

impl ProducerContext<NoCustomPartitioner> for Context {
    type DeliveryOpaque = Box<SyncSender<Result<(), String>>>;

    fn delivery(&self, result: &DeliveryResult<'_>, reply: Self::DeliveryOpaque) {
        let result = result.as_ref().map(drop);
        let _ = reply.send(result.map_err(|(error, _)| error.to_string()));
    }
}

fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, broker, topic] = &arguments[..] else {
        return Err("usage: bare_produce BROKER TOPIC".into());
    };
    let producer: ThreadedProducer<Context> = ClientConfig::new()
        .set("bootstrap.servers", broker)
        .set("enable.sparse.connections", "false")
        .set("acks", "all")
        .set("enable.idempotence", "false")
        .set("max.in.flight.requests.per.connection", "1")
        .set("linger.ms", "0")
        .set("partitioner", "murmur2_random")
        .set("allow.auto.create.topics", "false")
        .create_with_context(Context)?;
    let (reply, acknowledged) = sync_channel(1);
    let headers = OwnedHeaders::new().insert(Header {
        key: "content-type",
        value: Some("application/json"),
    });
    let record = BaseRecord::with_opaque_to(topic, Box::new(reply))
        .key("ada")
        .payload(VALUE)
        .headers(headers);
    producer.send(record).map_err(|(error, _)| error)?;
    acknowledged.recv_timeout(Duration::from_secs(10))??;
    println!("acknowledged");
    // Ending it properly takes up to a tenth of a second, and nothing is left that it could lose.
    std::mem::forget(producer);
    Ok(())
}
