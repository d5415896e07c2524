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

mod report;
mod rows;
mod suite;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use testkit::random::Random;

/// Injects faults into real processes and checks that a purchase answered with 201 is in the list exactly once
#[derive(Debug, Parser)]
#[command(name = "faults")]
struct Arguments {
    /// Only this row; repeatable
    #[arg(long = "row", value_name = "NUMBER")]
    rows: Vec<u8>,
    /// Repeats the random choices of a run
    #[arg(long)]
    seed: Option<u64>,
    /// Also what takes too long for every change
    #[arg(long)]
    nightly: bool,
    /// How long the soak of row 37 goes on
    #[arg(long, value_name = "MINUTES", default_value_t = 60)]
    soak: u64,
    /// Lists the rows and ends
    #[arg(long)]
    list: bool,
}

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
