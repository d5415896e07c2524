//! A stand-in for Knative's KafkaSource: reads a topic of Kafka and posts its events to a sink, without a cluster.
//!
//! It does what the data plane of eventing-kafka-broker does, read in its source (7d8fe89, July 2026) and not what
//! its documents say. That includes how it loses events: a loss is an error in the log and counted, and never mended. It
//! knows nothing of purchases, so that any sink can be tried with it.
//!
//! Invariant: a record's position is committed only after its event was delivered, taken by the dead letter sink, or lost in
//! the way in which the real one loses it.
//!
//! Where it differs: it begins at the earliest record of the topic (the real one's default is the latest); an answer 303 is a
//! refusal (there, the address it names is asked with GET, and that answer counts); a header value that is folded over two
//! lines is not sent; an exchange has one deadline (there, one for each silence); when `ordered`, a partition from which nothing
//! came yet waits for no other (there, until one of the others runs out of events). HTTPS and tokens are not spoken.

mod address;
mod block;
pub mod config;
mod counters;
mod courier;
mod dead_letter;
mod http_sink;
mod iso8601;
mod ordered;
mod poll;
mod source;
mod unordered;
mod wire;

pub use address::{Address, BadAddress};
pub use block::DeliveryBlock;
pub use config::{Config, Ordering};
pub use counters::Counters;
pub use source::{Source, SourceError};
