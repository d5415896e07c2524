//! `user-buy-list`: starts everything, says what to open, drains on Ctrl-C.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;
use embedded::{Arguments, Command, Config, Embedded, EmbeddedError};

fn main() -> ExitCode {
    let mut arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return redrive::answer_usage(&error),
    };
    match arguments.command.take() {
        None => serve::boot("user-buy-list", |env| Config::read(env, arguments), run),
        Some(Command::Redrive(args)) => {
            let run = async |()| embedded::redrive(&arguments.data_dir, args).await;
            serve::boot("user-buy-list redrive", |_| (), run)
        }
    }
}

async fn run(config: Config) -> Result<(), EmbeddedError> {
    let stop = serve::stop_signal();
    let mut running = Embedded::start(config).await?;
    say(&running.greeting());
    let ended = tokio::select! {
        () = stop => Ok(()),
        failure = running.failed() => Err(failure),
    };
    tokio::select! {
        () = running.stop() => say("Stopped."),
        // What is on disk is safe at any moment, so an impatient second signal may have its way.
        () = serve::stop_signal() => say("Stopped at once; the rest is delivered at the next start."),
    }
    ended
}

/// To the person who started it, if anybody listens.
fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}
