//! consumer as a process: Kafka to MongoDB, and the routes of storer and query beside it.

use std::process::ExitCode;

use consumer::config::Config;

fn main() -> ExitCode {
    serve::main("consumer", Config::read, consumer::start)
}
