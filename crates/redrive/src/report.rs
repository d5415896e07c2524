//! How many events are in which state, and why.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::judge::{Judged, State};
use crate::screen::{counted, cut, grouped};

const EXAMPLE_CHARS_MAX: usize = 100;

/// Counts by state and reason: however many events there are, these are few.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    groups: BTreeMap<(State, &'static str), Group>,
    letters: u64,
}

#[derive(Debug)]
struct Group {
    events: u64,
    /// What is to be known of the first of them.
    example: String,
}

impl Totals {
    pub(crate) fn add(&mut self, judged: &Judged) {
        self.letters += judged.letters;
        let key = (judged.state, judged.opened.letter.reason.as_str());
        let group = self.groups.entry(key).or_insert_with(|| Group {
            events: 0,
            example: cut(judged.detail(), EXAMPLE_CHARS_MAX),
        });
        group.events += 1;
    }

    /// In any state.
    pub(crate) fn all(&self) -> u64 {
        self.groups.values().map(|group| group.events).sum()
    }

    pub(crate) fn of(&self, state: State) -> u64 {
        let groups = self.groups.iter().filter(|((of, _), _)| *of == state);
        groups.map(|(_, group)| group.events).sum()
    }

    /// A line for each state and reason, with an example of why.
    pub(crate) fn table(&self) -> String {
        let mut table = format!(
            "{} in {}{}\n",
            counted(self.all(), "event"),
            counted(self.letters, "dead letter"),
            if self.groups.is_empty() { "" } else { ":" },
        );
        for ((state, reason), group) in &self.groups {
            let events = grouped(group.events);
            let state = state.as_str();
            // Writing to a String does not fail.
            let _ = writeln!(
                table,
                "{events:>9}  {state:<9}  {reason:<17}  {}",
                group.example
            );
        }
        table
    }
}
