//! What can go wrong with Kafka, sorted by what is known of the record and by whether trying again can help.

use std::time::Duration;

use purchase::{AppendError, PortError};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use thiserror::Error;

/// A client of Kafka cannot be made: the configuration is wrong, or the system has no threads left.
#[derive(Debug, Error)]
#[error("cannot make a client of Kafka")]
pub struct KafkaLogError(#[from] KafkaError);

/// A record that was not acknowledged.
#[derive(Debug, Clone, Error)]
pub(crate) enum ProduceError {
    #[error("the queue of the producer is full")]
    QueueFull,
    #[error("the producer is closed")]
    Closed,
    /// It was never taken over.
    #[error("the producer did not take the record: {0}")]
    NotTaken(Code),
    /// It was taken over, and this came back.
    #[error("{0}")]
    Failed(Code),
    #[error("no acknowledgement from Kafka within {0:?}")]
    Deadline(Duration),
    /// The producer ended with the record in its hands.
    #[error("the producer ended before Kafka acknowledged")]
    Aborted,
}

impl ProduceError {
    pub(crate) fn not_taken(error: &KafkaError) -> Self {
        match error.rdkafka_error_code() {
            Some(Code::QueueFull) => Self::QueueFull,
            Some(code) => Self::NotTaken(code),
            None => Self::NotTaken(Code::Fail),
        }
    }

    /// The topic does not take a record of this size.
    pub(crate) fn is_too_large(&self) -> bool {
        matches!(self, Self::NotTaken(code) | Self::Failed(code) if *code == Code::MessageSizeTooLarge)
    }

    /// Whether it is certain that the record is not in the log and never will be.
    fn is_certain(&self) -> bool {
        match self {
            Self::QueueFull | Self::Closed | Self::NotTaken(_) => true,
            Self::Failed(code) => is_refusal(*code),
            Self::Deadline(_) | Self::Aborted => false,
        }
    }

    fn is_permanent(&self) -> bool {
        matches!(self, Self::NotTaken(code) | Self::Failed(code) if is_refusal(*code))
    }
}

/// A leader looked at the record and said no. librdkafka does not repeat such a record, so this is its end. (A try before it
/// whose answer was lost would have met the same rule, unless it changed in that moment.)
///
/// That a topic or partition is unknown is no such answer: the try before it may have been written before the topic went, or
/// before a broker that has just come back knew its topics.
fn is_refusal(code: Code) -> bool {
    matches!(
        code,
        Code::MessageSizeTooLarge
            | Code::MessageBatchTooLarge
            | Code::InvalidMessageSize
            | Code::InvalidRecord
            | Code::InvalidTimestamp
            | Code::InvalidTopic
            | Code::InvalidRequiredAcks
            | Code::TopicAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::PolicyViolation
            | Code::UnsupportedForMessageFormat
    )
}

impl From<ProduceError> for PortError {
    fn from(error: ProduceError) -> Self {
        if error.is_permanent() {
            Self::permanent(error)
        } else {
            Self::transient(error)
        }
    }
}

impl From<ProduceError> for AppendError {
    fn from(error: ProduceError) -> Self {
        if error.is_certain() {
            Self::NotRecorded(error.into())
        } else {
            Self::Unknown(error.into())
        }
    }
}

/// The topic could not be written to now.
#[derive(Debug, Error)]
pub(crate) enum ProbeError {
    #[error("no broker answers: {0}")]
    Away(#[from] KafkaError),
    #[error("no answer from Kafka within {0:?}")]
    Deadline(Duration),
    #[error("there is no such topic")]
    NoTopic,
    #[error("the topic cannot be used: {0}")]
    Topic(Code),
    #[error("partition {0} has no leader")]
    NoLeader(i32),
}

impl From<ProbeError> for PortError {
    fn from(error: ProbeError) -> Self {
        match &error {
            ProbeError::NoTopic => Self::permanent(error),
            ProbeError::Topic(code) if is_refusal(*code) => Self::permanent(error),
            _ => Self::transient(error),
        }
    }
}
