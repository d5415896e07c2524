//! A dead letter, wherever it was kept.

use cloudevents::{AttributesReader as _, Event};
use purchase::event::{self, Reason};
use purchase::{Entry, Timestamp};

use crate::ports::Log;

/// Where a letter is among the others. In a database there is one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place {
    pub partition: i32,
    pub offset: i64,
}

/// What is kept of an event that died.
#[derive(Debug, Clone)]
pub struct Letter {
    pub place: Place,
    pub reason: Reason,
    pub detail: String,
    pub died_at: Timestamp,
    /// Where the record was that died, for people, if the letter says so.
    pub origin: Option<String>,
    /// The key of the record: by the contract of the log, the user id.
    pub key: Option<String>,
    pub content: Content,
}

/// What of the event is left.
#[derive(Debug, Clone)]
pub enum Content {
    /// All of it, as it would go back into the log.
    Event(Event),
    /// Not its data; `why` says so, and where else they may be.
    Attributes { event: Option<Event>, why: String },
    /// Something that is no event; `why` says what it should be.
    Bytes { bytes: Vec<u8>, why: String },
}

/// A letter that was looked into.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) letter: Letter,
    /// What makes two letters letters of the same event.
    pub(crate) id: String,
    /// The purchase, or why there is none.
    pub(crate) found: Result<Entry, String>,
}

impl Opened {
    /// Looks for the purchase as storer will. `place` is the name of the letter's place.
    pub(crate) fn new(letter: Letter, log: &dyn Log, place: impl FnOnce() -> String) -> Self {
        let (delivered, found) = match &letter.content {
            Content::Event(event) => {
                let event = log.delivered(event);
                let found = event::decode(&event).map_err(|rejection| {
                    // The reason is only news if it is another one now.
                    if rejection.reason == letter.reason {
                        rejection.detail
                    } else {
                        rejection.to_string()
                    }
                });
                (Some(event), found)
            }
            Content::Attributes { event, why } => {
                let delivered = event.as_ref().map(|event| log.delivered(event));
                (delivered, Err(why.clone()))
            }
            Content::Bytes { why, .. } => (None, Err(why.clone())),
        };
        let id = match &delivered {
            Some(event) => id_of(event),
            None => letter.origin.clone().unwrap_or_else(place),
        };
        Self { letter, id, found }
    }

    /// Whose purchase it is, or would be.
    pub(crate) fn user(&self) -> Option<&str> {
        match &self.found {
            Ok(entry) => Some(entry.purchase.userid.as_str()),
            Err(_) => self.letter.key.as_deref(),
        }
    }
}

/// The id that the event's purchase has, or would have if there was one in it; failing that, what CloudEvents makes unique.
fn id_of(event: &Event) -> String {
    event::identity(event).map_or_else(
        |_| format!("{}#{}", event.source(), event.id()),
        |id| id.to_string(),
    )
}
