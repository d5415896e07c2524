//! Kafka as the log: the only crate that imports rdkafka.
//!
//! [`KafkaLog`] is buy's producer, [`Subscription`] reads a topic as a member of a group, [`DeadLetterTopic`] keeps what
//! cannot be stored, and [`TopicReader`] with [`Burial`] reads that back. [`record`] says how an event looks as a record and
//! back, without any broker.
//!
//! Invariant: an append is `Ok` only once all in-sync replicas acknowledged it, and a position is committed only after
//! whoever took the record said that its effect is durable.

mod burial;
mod connection;
mod dead_letters;
mod error;
mod log;
mod producer;
mod ready;
pub mod record;
mod subscription;
mod topic_reader;
mod uri;

pub use burial::{Burial, Lost};
pub use connection::Connection;
pub use dead_letters::DeadLetterTopic;
pub use error::KafkaLogError;
pub use log::{KafkaLog, LogOptions};
pub use subscription::{
    Delivery, Place, Subscription, SubscriptionError, SubscriptionOptions, SubscriptionState,
};
pub use topic_reader::TopicReader;
