//! `replay`: events go back into the log, each of them once, and only so many at a time.
//!
//! An event is written when the log has room, right after it was compared with what is stored. What the store gets meanwhile by
//! another way is a duplicate then, which costs nothing but its delivery.

use std::error::Error;
use std::io::{self, Write};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use futures_util::StreamExt as _;
use purchase::{AppendError, PortError};
use tokio::sync::Notify;

use crate::args::Replay;
use crate::index::Index;
use crate::judge::{Judged, State};
use crate::report::Totals;
use crate::screen::{counted, grouped};
use crate::{Redrive, RedriveError, Screen, or_stop, telling};

/// How far it is, for whoever waits.
#[derive(Debug, Default)]
struct Progress {
    judged: AtomicU64,
    replayed: AtomicU64,
}

/// How it ended.
struct Ended {
    totals: Totals,
    interrupted: bool,
    /// Letters or store failed.
    error: Option<RedriveError>,
}

impl Redrive<'_> {
    pub(crate) async fn replay(
        &self,
        options: Replay,
        stop: impl Future<Output = ()>,
        screen: Screen<'_>,
    ) -> Result<(), RedriveError> {
        let Screen { out, progress } = screen;
        let mut stop = pin!(stop);
        let index = or_stop(stop.as_mut(), self.index(&options.filter, progress)).await?;
        let meant = index.meant();
        let counts = Progress::default();
        let say = || {
            let [judged, replayed] =
                [&counts.judged, &counts.replayed].map(|count| count.load(Ordering::Relaxed));
            let (judged, replayed) = (grouped(judged), grouped(replayed));
            format!(
                "looked at {judged} of {}, replayed {replayed}",
                counted(meant, "event")
            )
        };
        let replaying = self.write_back(&index, &options, stop, &counts);
        let ended = telling(replaying, say, progress).await;
        // What was done is done, whether or not anybody reads of it.
        let _ = write_report(out, &ended, &options, meant);
        let (replayed, failed) = (
            ended.totals.of(State::Replayed),
            ended.totals.of(State::Failed),
        );
        let left = meant.saturating_sub(ended.totals.all()) + failed;
        match ended.error {
            Some(error) => Err(error),
            None if options.execute && left > 0 => Err(RedriveError::Incomplete { replayed, left }),
            None if ended.interrupted => Err(RedriveError::Interrupted),
            None => Ok(()),
        }
    }

    /// Looks at what is meant and, if that was asked for, writes back what can be. It begins with no other event once it shall
    /// stop, or once something failed that would fail again, and ends when nothing is on its way any more.
    async fn write_back(
        &self,
        index: &Index,
        options: &Replay,
        stop: impl Future<Output = ()>,
        progress: &Progress,
    ) -> Ended {
        let interrupted = AtomicBool::new(false);
        let halt = Notify::new();
        let end = async {
            tokio::select! {
                () = stop => interrupted.store(true, Ordering::Relaxed),
                () = halt.notified() => {}
            }
        };
        let judged = self.judged(index, &options.include).take_until(end);
        let written = judged.map(async |judged| match judged {
            Ok(judged) if options.execute && judged.state == State::ToReplay => {
                Ok(self.append(judged, &halt).await)
            }
            judged => judged,
        });
        let mut written = pin!(written.buffer_unordered(options.in_flight.get()));
        let mut totals = Totals::default();
        let mut error = None;
        while let Some(written) = written.next().await {
            match written {
                Ok(judged) => {
                    progress.judged.fetch_add(1, Ordering::Relaxed);
                    let replayed = u64::from(judged.state == State::Replayed);
                    progress.replayed.fetch_add(replayed, Ordering::Relaxed);
                    totals.add(&judged);
                }
                Err(failure) => {
                    halt.notify_one();
                    error = error.or(Some(failure));
                }
            }
        }
        let interrupted = interrupted.load(Ordering::Relaxed);
        Ended {
            totals,
            interrupted,
            error,
        }
    }

    async fn append(&self, mut judged: Judged, halt: &Notify) -> Judged {
        let Some((userid, event)) = judged.writable() else {
            return judged;
        };
        match self.log.append(userid, event).await {
            Ok(()) => judged.state = State::Replayed,
            Err(error) => {
                // Another event may be smaller, but it will not find another log.
                let (AppendError::NotRecorded(cause) | AppendError::Unknown(cause)) = &error;
                if matches!(cause, PortError::Transient(_)) {
                    halt.notify_one();
                }
                judged.state = State::Failed;
                judged.why = chain(&error);
            }
        }
        judged
    }
}

fn write_report(
    out: &mut dyn Write,
    ended: &Ended,
    options: &Replay,
    meant: u64,
) -> io::Result<()> {
    let totals = &ended.totals;
    let of_all = counted(meant, "event");
    if ended.interrupted {
        write!(out, "interrupted: ")?;
    }
    if options.execute {
        let replayed = grouped(totals.of(State::Replayed));
        writeln!(out, "replayed {replayed} of {of_all}")?;
    } else {
        match totals.of(State::ToReplay) {
            0 => writeln!(out, "would replay none of {of_all}")?,
            some => {
                let some = grouped(some);
                writeln!(
                    out,
                    "would replay {some} of {of_all}: run it again with --execute"
                )?;
            }
        }
    }
    let rest = meant.saturating_sub(totals.all());
    if rest > 0 {
        writeln!(out, "{} not looked at", grouped(rest))?;
    }
    write!(out, "\n{}", totals.table())?;
    out.flush()
}

/// An error with its causes.
fn chain(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| (*error).source());
    causes
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}
