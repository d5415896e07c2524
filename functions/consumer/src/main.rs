//! consumer as a process: Kafka to MongoDB, and the routes of storer and query beside it.

use std::process::ExitCode;

use clap::Parser as _;
use consumer::config::Config;
use consumer::{Arguments, Command};

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return redrive::answer_usage(&error),
    };
    match arguments.command {
        None => serve::main("consumer", Config::read, consumer::start),
        Some(Command::Redrive(args)) => {
            let run = async |config| consumer::redrive(config, args).await;
            serve::boot("consumer redrive", Config::read, run)
        }
    }
}
