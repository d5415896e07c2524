//! buy as a process of its own.

use std::process::ExitCode;

use buy::config::Config;
use buy::wiring::function;
use purchase::Stamp;

fn main() -> ExitCode {
    serve::main("buy", Config::read, |config| {
        function(config, Stamp::system())
    })
}
