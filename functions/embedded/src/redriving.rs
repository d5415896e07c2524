//! The dead letters of the database, for `redrive`: also while the product runs on the same folder. Its pump looks every second
//! for what another process put into the log.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use cloudevents::Event;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use purchase::event::structured;
use purchase::{AppendError, PortError, Stamp, UserId};
use redrive::replayable;
use redrive::{Args, Content, DeadLetters, Letter, Log, Place, Redrive, RedriveError, Screen};
use sqlite::{DeadLetter, OpenError, Options, Sqlite, SqliteLog};
use thiserror::Error;
use tokio::time::timeout;

use crate::data_dir::database_in;

/// Letters read at a time.
const PAGE: usize = 500;
/// For the checkpoint at the end, which is a convenience.
const CLOSE_MAX: Duration = Duration::from_secs(3);

#[derive(Debug, Error)]
pub enum RedriveFailed {
    #[error(
        "nothing was ever bought in the data folder {}: there is no database; choose another with --data-dir",
        .0.display()
    )]
    NoDatabase(PathBuf),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Redrive(#[from] RedriveError),
}

/// Does what was asked for. It takes no lock on the folder: two processes may write to the database, each in its turn.
pub async fn redrive(data_dir: &Path, args: Args) -> Result<(), RedriveFailed> {
    let stop = serve::stop_signal();
    let database = database_in(data_dir);
    if !database.is_file() {
        return Err(RedriveFailed::NoDatabase(data_dir.to_owned()));
    }
    let sqlite = Sqlite::open(&database, Options::default())?;
    let redrive = Redrive {
        letters: &Table(sqlite.log()),
        log: &Appender(sqlite.log()),
        store: &sqlite.store(),
        now: (Stamp::system().now)(),
    };
    let screen = Screen {
        out: &mut io::stdout(),
        progress: &mut io::stderr(),
    };
    let done = redrive.run(args, stop, screen).await;
    if timeout(CLOSE_MAX, sqlite.close()).await.is_err() {
        tracing::warn!("the database is still busy; it recovers at the next start");
    }
    Ok(done?)
}

struct Table(SqliteLog);

impl DeadLetters for Table {
    fn read(&self) -> BoxStream<'_, Result<Vec<Letter>, PortError>> {
        let pages = stream::unfold(Some(0), async |position| {
            match self.0.dead_letters(position?, PAGE).await {
                Ok(page) => {
                    let last = page.last()?.position;
                    Some((Ok(page.into_iter().map(letter).collect()), Some(last)))
                }
                Err(error) => Some((Err(error), None)),
            }
        });
        pages.boxed()
    }

    fn name(&self, place: Place) -> String {
        format!("dead_letters/{}", place.offset)
    }
}

fn letter(row: DeadLetter) -> Letter {
    let content = match structured::read(row.json.as_bytes()) {
        Ok(event) => Content::Event(replayable(event)),
        Err(rejection) => Content::Bytes {
            why: rejection.to_string(),
            bytes: row.json.into_bytes(),
        },
    };
    Letter {
        place: Place {
            partition: 0,
            offset: row.position,
        },
        reason: row.reason,
        detail: row.detail,
        died_at: row.died_at,
        origin: None,
        key: None,
        content,
    }
}

struct Appender(SqliteLog);

#[async_trait]
impl Log for Appender {
    /// The pump writes the request as the specification says, so what storer reads is what was in the log.
    fn delivered(&self, event: &Event) -> Event {
        event.clone()
    }

    async fn append(&self, _: &UserId, event: &Event) -> Result<(), AppendError> {
        self.0.append_json(structured::write(event)).await
    }
}
