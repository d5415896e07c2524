//! What can be asked for.

use clap::Parser;

/// Injects faults into real processes and checks that a purchase answered with 201 is in the list exactly once
#[derive(Debug, Parser)]
#[command(name = "faults")]
pub(crate) struct Arguments {
    /// Only this row; repeatable
    #[arg(long = "row", value_name = "NUMBER")]
    pub(crate) rows: Vec<u8>,
    /// Repeats the random choices of a run
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Also what takes too long for every change
    #[arg(long)]
    pub(crate) nightly: bool,
    /// How long the soak of row 37 goes on
    #[arg(long, value_name = "MINUTES", default_value_t = 60)]
    pub(crate) soak: u64,
    /// Lists the rows and ends
    #[arg(long)]
    pub(crate) list: bool,
}
