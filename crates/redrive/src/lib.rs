//! Dead letters back into delivery: lists the events that died, shows one, and replays them, wherever the letters are kept.
//!
//! Invariants: what goes back into the log is the event that died, with the identity that it always had, so whatever is repeated
//! or was stored meanwhile doubles nothing. Nothing goes back unless somebody said so, and nothing that would only die again.
//! No letter is ever removed: once its purchase is stored, its event is *resolved*.
//!
//! The letters are read twice: first to know which one of each event is the newest, then to judge these, a batch at a time,
//! against what is stored. Memory holds a few words for each event, and no body longer than its batch.
//!
//! In reading order: what can be asked for ([`Args`]), what it needs of whoever runs it ([`DeadLetters`], [`Log`]), a letter
//! ([`Letter`]) and what goes back of it ([`replayable`]), which letters count (`index`), what may become of them (`judge`),
//! and the three commands.

mod args;

mod ports;

mod letter;

mod replayable;

mod index;

mod judge;

mod report;

mod screen;

mod list;

mod show;

mod replay;

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use purchase::{PortError, PurchaseLookup, Timestamp};
use thiserror::Error;
use tokio::time::{MissedTickBehavior, interval};

pub use args::{Args, answer_usage};
pub use letter::{Content, Letter, Place};
pub use ports::{DeadLetters, Log};
pub use replayable::{Said, replayable, said_by_sink};

use args::{Command, Filter};
use index::Index;
use screen::counted;

/// How often it says how far it is.
const PROGRESS_PAUSE: Duration = Duration::from_secs(1);

/// What the commands work on.
pub struct Redrive<'a> {
    pub letters: &'a dyn DeadLetters,
    pub log: &'a dyn Log,
    pub store: &'a dyn PurchaseLookup,
    pub now: Timestamp,
}

/// Where the commands speak: what was asked for, and how far they are.
pub struct Screen<'a> {
    pub out: &'a mut dyn Write,
    pub progress: &'a mut dyn Write,
}

#[derive(Debug, Error)]
pub enum RedriveError {
    #[error("cannot read the dead letters")]
    Letters(#[source] PortError),
    #[error("cannot find out what is stored")]
    Store(#[source] PortError),
    #[error("no dead letter is about {0}; `redrive list` shows what there is")]
    Unknown(String),
    #[error("interrupted")]
    Interrupted,
    #[error("replayed {replayed} and left {left} behind; running it again is safe")]
    Incomplete { replayed: u64, left: u64 },
}

impl Redrive<'_> {
    /// Does what was asked for. When `stop` resolves it ends soon: a replay waits for what is on its way, and for no more.
    pub async fn run(
        &self,
        args: Args,
        stop: impl Future<Output = ()>,
        screen: Screen<'_>,
    ) -> Result<(), RedriveError> {
        match args.command {
            Command::List { filter, json } => {
                let list = self.list(&filter, json, screen);
                or_stop(stop, list).await
            }
            Command::Show { id } => or_stop(stop, self.show(&id, screen)).await,
            Command::Replay(options) => self.replay(options, stop, screen).await,
        }
    }

    async fn index(
        &self,
        filter: &Filter,
        progress: &mut dyn Write,
    ) -> Result<Index, RedriveError> {
        let count = AtomicU64::new(0);
        let say = || {
            format!(
                "read {}",
                counted(count.load(Ordering::Relaxed), "dead letter")
            )
        };
        telling(Index::read(self, filter, &count), say, progress).await
    }
}

/// For work that may be dropped anywhere.
async fn or_stop<T>(
    stop: impl Future<Output = ()>,
    work: impl Future<Output = Result<T, RedriveError>>,
) -> Result<T, RedriveError> {
    tokio::select! {
        biased;
        done = work => done,
        () = stop => Err(RedriveError::Interrupted),
    }
}

/// Says how far the work is, once a second.
async fn telling<T>(
    work: impl Future<Output = T>,
    say: impl Fn() -> String,
    progress: &mut dyn Write,
) -> T {
    let mut work = std::pin::pin!(work);
    let mut tick = interval(PROGRESS_PAUSE);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tick.reset();
    loop {
        tokio::select! {
            biased;
            done = &mut work => return done,
            _ = tick.tick() => {
                // Whoever does not listen is not told.
                let _ = writeln!(progress, "{}", say());
            }
        }
    }
}
