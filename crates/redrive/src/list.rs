//! `list`: the events that died, newest first.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::TryStreamExt as _;
use purchase::Timestamp;
use serde::Serialize;

use crate::args::Filter;
use crate::index::Index;
use crate::judge::Judged;
use crate::report::Totals;
use crate::screen::{counted, cut, grouped, safe};
use crate::{Redrive, RedriveError, Screen, telling};

/// As much of a detail as is kept of each event.
const DETAIL_CHARS_MAX: usize = 160;
const USER_CHARS_MAX: usize = 20;

/// A line of the list. The names of its fields are for other programs.
#[derive(Debug, Serialize)]
struct Line {
    id: String,
    state: &'static str,
    reason: &'static str,
    died_at: Timestamp,
    user: Option<String>,
    detail: String,
    /// How many letters the event has, and where the newest is.
    letters: u64,
    place: String,
    /// Where the record was that died.
    origin: Option<String>,
}

impl Redrive<'_> {
    pub(crate) async fn list(
        &self,
        filter: &Filter,
        json: bool,
        screen: Screen<'_>,
    ) -> Result<(), RedriveError> {
        let index = self.index(filter, screen.progress).await?;
        let count = AtomicU64::new(0);
        let say = || {
            let of_all = counted(index.meant(), "event");
            format!(
                "looked at {} of {of_all}",
                grouped(count.load(Ordering::Relaxed))
            )
        };
        let reading = self.read_lines(&index, &count);
        let (mut lines, totals) = telling(reading, say, screen.progress).await?;
        lines.sort_by(|a, b| b.died_at.cmp(&a.died_at).then_with(|| a.id.cmp(&b.id)));
        // Whoever reads no further, as `head`, wants no more.
        let _ = if json {
            write_json(screen.out, &lines)
        } else {
            write_table(screen.out, &lines, &totals)
        };
        Ok(())
    }

    async fn read_lines(
        &self,
        index: &Index,
        count: &AtomicU64,
    ) -> Result<(Vec<Line>, Totals), RedriveError> {
        let mut totals = Totals::default();
        let mut lines = Vec::new();
        let mut judged = std::pin::pin!(self.judged(index, &[]));
        while let Some(judged) = judged.try_next().await? {
            count.fetch_add(1, Ordering::Relaxed);
            totals.add(&judged);
            lines.push(self.line(judged));
        }
        Ok((lines, totals))
    }

    fn line(&self, judged: Judged) -> Line {
        let detail = cut(judged.detail(), DETAIL_CHARS_MAX);
        let user = judged.opened.user().map(str::to_owned);
        let letter = judged.opened.letter;
        Line {
            id: judged.opened.id,
            state: judged.state.as_str(),
            reason: letter.reason.as_str(),
            died_at: letter.died_at,
            user,
            detail,
            letters: judged.letters,
            place: self.letters.name(letter.place),
            origin: letter.origin,
        }
    }
}

fn write_json(out: &mut dyn Write, lines: &[Line]) -> io::Result<()> {
    for line in lines {
        serde_json::to_writer(&mut *out, line)?;
        writeln!(out)?;
    }
    out.flush()
}

fn write_table(out: &mut dyn Write, lines: &[Line], totals: &Totals) -> io::Result<()> {
    if !lines.is_empty() {
        let (id, died_at) = ("ID", "DIED AT");
        writeln!(
            out,
            "{id:<36}  STATE      REASON             {died_at:<24}  USER                  DETAIL"
        )?;
    }
    for line in lines {
        let Line {
            state,
            reason,
            died_at,
            detail,
            ..
        } = line;
        let id = safe(&line.id);
        let user = cut(line.user.as_deref().unwrap_or("-"), USER_CHARS_MAX);
        writeln!(
            out,
            "{id:<36}  {state:<9}  {reason:<17}  {died_at}  {user:<20}  {detail}"
        )?;
    }
    if !lines.is_empty() {
        writeln!(out)?;
    }
    write!(out, "{}", totals.table())?;
    out.flush()
}
