//! The words of the command line, the same wherever dead letters are kept.

use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::str::FromStr;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args as ClapArgs, Subcommand};
use purchase::Timestamp;
use purchase::event::Reason;

use crate::letter::Letter;

/// `EX_USAGE` of sysexits.h, as for bad configuration.
const EXIT_USAGE: u8 = 64;

/// What to do with the dead letters.
#[derive(Debug, Clone, ClapArgs)]
pub struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Command {
    /// Lists the events that died, newest first, and what a replay would do with each
    List {
        #[command(flatten)]
        filter: Filter,
        /// One JSON object a line, for other programs
        #[arg(long)]
        json: bool,
    },
    /// Shows one event with its data and everything that is known of its death
    Show {
        /// Its id, as `list` shows it
        id: String,
    },
    /// Writes events back into the log; without --execute it only says what it would do
    Replay(Replay),
}

#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct Replay {
    #[command(flatten)]
    pub(crate) filter: Filter,
    /// Also those that died as conflict or malformed, if they can be stored by now; can be given twice
    #[arg(long, value_name = "REASON", value_parser = held_reason())]
    pub(crate) include: Vec<Reason>,
    /// Does it
    #[arg(long)]
    pub(crate) execute: bool,
    /// How many events may wait at once for the log to acknowledge them; fewer are gentler
    #[arg(long, value_name = "NUMBER", default_value = "64")]
    pub(crate) in_flight: NonZeroUsize,
}

/// Which events are meant: those of which all of it is true.
#[derive(Debug, Clone, Default, ClapArgs)]
pub(crate) struct Filter {
    /// Only the event with this id, as `list` shows it; can be repeated
    #[arg(long, value_name = "ID")]
    pub(crate) id: Vec<String>,
    /// Only what died for this reason; can be repeated
    #[arg(long, value_name = "REASON", value_parser = any_reason())]
    pub(crate) reason: Vec<Reason>,
    /// Only purchases of this user
    #[arg(long, value_name = "USERID")]
    pub(crate) user: Option<String>,
    /// Only what died then or later: 2026-01-31T12:00:00Z, or so long ago: 90s, 30m, 2h, 7d
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<Moment>,
    /// Only what died before; likewise
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<Moment>,
}

fn any_reason() -> impl TypedValueParser<Value = Reason> {
    one_of(&Reason::ALL)
}

fn held_reason() -> impl TypedValueParser<Value = Reason> {
    one_of(&HELD)
}

/// What may be a sign of something worse than a fault that has passed.
pub(crate) const HELD: [Reason; 2] = [Reason::Conflict, Reason::Malformed];

fn one_of(reasons: &[Reason]) -> impl TypedValueParser<Value = Reason> + use<> {
    let texts: Vec<_> = reasons.iter().map(|reason| reason.as_str()).collect();
    PossibleValuesParser::new(texts).try_map(|text| Reason::from_text(&text).ok_or("no reason"))
}

/// A time, or so long before now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    At(Timestamp),
    AgoMs(i64),
}

impl FromStr for Moment {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "expected a time such as 2026-01-31T12:00:00Z, or how long ago, such as 90s, 30m, 2h or 7d";
        if let Ok(timestamp) = Timestamp::parse(text) {
            return Ok(Self::At(timestamp));
        }
        let unit_ms = match text.chars().last() {
            Some('s') => 1_000,
            Some('m') => 60_000,
            Some('h') => 3_600_000,
            Some('d') => 86_400_000,
            _ => return Err(EXPECTED),
        };
        // The unit is one byte.
        let number: u32 = text[..text.len() - 1].parse().map_err(|_| EXPECTED)?;
        Ok(Self::AgoMs(i64::from(number) * unit_ms))
    }
}

impl Moment {
    /// In milliseconds since 1970.
    fn millis(self, now: Timestamp) -> i64 {
        match self {
            Self::At(timestamp) => timestamp.millis(),
            Self::AgoMs(ago) => now.millis() - ago,
        }
    }
}

impl Filter {
    /// Whether this letter, the newest of its event, is meant.
    pub(crate) fn takes(
        &self,
        id: &str,
        user: Option<&str>,
        letter: &Letter,
        now: Timestamp,
    ) -> bool {
        let died_at = letter.died_at.millis();
        (self.id.is_empty() || self.id.iter().any(|wanted| wanted == id))
            && (self.reason.is_empty() || self.reason.contains(&letter.reason))
            && self
                .user
                .as_deref()
                .is_none_or(|wanted| user == Some(wanted))
            && self.since.is_none_or(|since| since.millis(now) <= died_at)
            && self.until.is_none_or(|until| died_at < until.millis(now))
    }
}

/// Says what is wrong with a command line, or what somebody asked of it, and how the process ends.
#[must_use]
pub fn answer_usage(error: &clap::Error) -> ExitCode {
    // Nobody is left to be told when this fails.
    let _ = error.print();
    if error.use_stderr() {
        ExitCode::from(EXIT_USAGE)
    } else {
        ExitCode::SUCCESS
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use testkit::sample::NOON_MS;

    use super::*;

    #[derive(Debug, Parser)]
    struct Program {
        #[command(flatten)]
        redrive: Args,
    }

    fn parse(line: &str) -> Result<Command, String> {
        let words = ["redrive"].into_iter().chain(line.split_whitespace());
        let program = Program::try_parse_from(words).map_err(|error| error.to_string())?;
        Ok(program.redrive.command)
    }

    #[test]
    fn nothing_is_executed_and_nothing_included_unless_somebody_says_so() {
        let Command::Replay(replay) = parse("replay").unwrap() else {
            panic!("another command");
        };
        assert!(!replay.execute && replay.include.is_empty());
        assert_eq!(replay.in_flight.get(), 64);
    }

    #[test]
    fn wrong_words_are_refused_with_those_that_there_are() {
        for (line, said) in [
            ("", "list"),
            ("replay --include invalid", "conflict, malformed"),
            ("list --reason bad", "retries-exhausted"),
            ("list --since yesterday", "90s, 30m, 2h or 7d"),
            ("list --since 5µ", "90s, 30m, 2h or 7d"),
            ("list --since 99999999999d", "90s, 30m, 2h or 7d"),
            ("replay --in-flight 0", "--in-flight"),
            ("show", "<ID>"),
        ] {
            let error = parse(line).unwrap_err();
            assert!(error.contains(said), "{line}: {error}");
        }
    }

    #[test]
    fn a_moment_is_a_time_or_so_long_ago() {
        let now = Timestamp::from_millis(NOON_MS).unwrap();
        for (text, millis) in [
            ("2026-01-31T13:00:00+01:00", NOON_MS),
            ("90s", NOON_MS - 90_000),
            ("30m", NOON_MS - 1_800_000),
            ("2h", NOON_MS - 7_200_000),
            ("7d", NOON_MS - 604_800_000),
        ] {
            let moment: Moment = text.parse().unwrap();
            assert_eq!(moment.millis(now), millis, "{text}");
        }
    }
}
