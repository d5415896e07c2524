//! Which letter of each event is the newest: that one says why the event died at last.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::TryStreamExt as _;
use purchase::Timestamp;

use crate::args::Filter;
use crate::letter::{Opened, Place};
use crate::{Redrive, RedriveError};

/// All events that have letters.
#[derive(Debug, Default)]
pub(crate) struct Index {
    events: HashMap<String, Newest>,
}

#[derive(Debug)]
struct Newest {
    place: Place,
    died_at: Timestamp,
    /// How many letters the event has.
    letters: u64,
    /// Whether the event is one of those that are meant.
    meant: bool,
}

impl Index {
    /// Reads all letters; `count` says meanwhile how many it has read.
    pub(crate) async fn read(
        redrive: &Redrive<'_>,
        filter: &Filter,
        count: &AtomicU64,
    ) -> Result<Self, RedriveError> {
        let mut index = Self::default();
        let mut batches = redrive.letters.read();
        while let Some(batch) = batches.try_next().await.map_err(RedriveError::Letters)? {
            for letter in batch {
                index.add(redrive.open(letter), filter, redrive.now);
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
        Ok(index)
    }

    fn add(&mut self, opened: Opened, filter: &Filter, now: Timestamp) {
        let letter = &opened.letter;
        let new = Newest {
            place: letter.place,
            died_at: letter.died_at,
            letters: 1,
            meant: filter.takes(&opened.id, opened.user(), letter, now),
        };
        match self.events.entry(opened.id) {
            Entry::Vacant(entry) => {
                entry.insert(new);
            }
            Entry::Occupied(mut entry) => {
                let letters = entry.get().letters + 1;
                // Of two that died in the same moment, the one that was written later.
                if new.died_at >= entry.get().died_at {
                    entry.insert(new);
                }
                entry.get_mut().letters = letters;
            }
        }
    }

    /// How many events are meant.
    pub(crate) fn meant(&self) -> u64 {
        let meant = self.events.values().filter(|newest| newest.meant);
        meant.map(|_| 1).sum()
    }

    /// How many letters the event of this one has, if this is the newest of an event that is meant.
    pub(crate) fn letters_of_newest(&self, opened: &Opened) -> Option<u64> {
        let newest = self.events.get(&opened.id)?;
        (newest.meant && newest.place == opened.letter.place).then_some(newest.letters)
    }
}
