//! The fault suite: every fault that a deployment meets, on real processes, and after each the question whether the one promise
//! was kept. `scripts/faults.sh` builds and runs it.
//!
//! A row is a fault ([`rows`]). It says what it did, what the clients were told and what stood in the lists in the end
//! ([`Report`](report::Report)). It passes only if nothing is lost or doubled *and* its evidence shows that the fault bit.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test stops at the first surprise, and shows what it found"
)]

mod arguments;
mod report;
mod rows;
mod suite;

use std::process::ExitCode;
use std::time::Duration;

use arguments::Arguments;
use clap::Parser as _;
use testkit::random::Random;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.list {
        for row in rows::ALL {
            println!("{row}");
        }
        return ExitCode::SUCCESS;
    }
    let chosen = match suite::choose(&arguments.rows, arguments.nightly) {
        Ok(chosen) => chosen,
        Err(problem) => {
            eprintln!("faults: {problem}");
            return ExitCode::from(64);
        }
    };
    let seed = arguments.seed.unwrap_or_else(Random::fresh_seed);
    let soak = Duration::from_secs(60 * arguments.soak);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(8)
        .enable_all()
        .build()
        .unwrap();
    let passed = runtime.block_on(suite::run(chosen, seed, soak));
    // What a row that failed has left waiting is no reason to wait.
    runtime.shutdown_background();
    if passed {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
