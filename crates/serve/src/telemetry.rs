//! Logs: JSON lines for a machine, a readable form for a person at a terminal.

use std::io::{self, IsTerminal};

use tracing_subscriber::{EnvFilter, fmt};

use crate::Env;

/// Logs to stderr from now on, filtered by RUST_LOG (default `info`). A second call changes nothing.
pub fn init_telemetry(env: &mut Env<'_>) {
    let filter = env.or(
        "RUST_LOG",
        "filter directives such as info or info,hyper=debug",
        EnvFilter::new("info"),
    );
    let log = fmt().with_env_filter(filter).with_writer(io::stderr);
    // An error means that somebody has set a subscriber already: theirs stays.
    let _ = if io::stderr().is_terminal() {
        log.try_init()
    } else {
        log.with_ansi(false)
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .try_init()
    };
}
