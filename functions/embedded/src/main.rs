//! `user-buy-list`: starts everything, says what to open, drains on Ctrl-C.

use std::process::ExitCode;

use clap::Parser as _;
use embedded::{Arguments, Config, Embedded, StartError};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    serve::boot("user-buy-list", |env| Config::read(env, arguments), run)
}

#[expect(
    clippy::print_stdout,
    reason = "the greeting is for the person who started it"
)]
async fn run(config: Config) -> Result<(), StartError> {
    let stop = serve::stop_signal();
    let running = Embedded::start(config).await?;
    println!("{}", running.greeting());
    stop.await;
    tokio::select! {
        () = running.stop() => println!("Stopped."),
        // What is on disk is safe at any moment, so an impatient second signal may have its way.
        () = serve::stop_signal() => println!("Stopped at once; the rest is delivered at the next start."),
    }
    Ok(())
}
