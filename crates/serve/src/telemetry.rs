//! Logs: JSON lines for a machine, a readable form for a person at a terminal.

use std::io::{self, IsTerminal};

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::Env;

/// Logs to stderr from now on, filtered by RUST_LOG (default `info`). A second call changes nothing.
pub fn init_telemetry(env: &mut Env<'_>) {
    let filter = env.or(
        "RUST_LOG",
        "levels such as info or info,hyper=debug",
        Targets::new().with_default(LevelFilter::INFO),
    );
    let log = fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_writer(io::stderr);
    // An error means that somebody has set a subscriber already: theirs stays.
    let _ = if io::stderr().is_terminal() {
        log.finish().with(filter).try_init()
    } else {
        log.with_ansi(false)
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .finish()
            .with(filter)
            .try_init()
    };
}
