//! buy as a process of its own whose clock stands still and whose randomness is none, so that its answers can be compared.

use std::process::ExitCode;

use buy::config::Config;
use buy::wiring::function;
use testkit::sample::STAMP;

fn main() -> ExitCode {
    serve::main("buy", Config::read, |config| function(config, STAMP))
}
