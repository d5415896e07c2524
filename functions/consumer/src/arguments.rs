//! The command line: nothing for the function itself, and one command beside it.

use clap::{Parser, Subcommand};

const ENVIRONMENT: &str = "\
Without a command it delivers until it is stopped.

Either way it is configured by the environment: KAFKA_BROKER, PURCHASE_TOPIC, DEAD_LETTER_TOPIC and MONGODB_URI say where \
everything is; the README lists all variables.";

/// Delivers purchases from Kafka to MongoDB, and answers what storer and query answer.
#[derive(Debug, Parser)]
#[command(name = "consumer", version, after_help = ENVIRONMENT)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Lists, shows and replays dead letters, those of a Knative sink in the same topic included
    Redrive(redrive::Args),
}
