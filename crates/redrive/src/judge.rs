//! What may become of an event that died.

use cloudevents::Event;
use futures_util::{Stream, StreamExt as _, TryStreamExt as _, stream};
use purchase::event::Reason;
use purchase::{Entry, Standing, UserId};

use crate::args::HELD;
use crate::index::Index;
use crate::letter::{Content, Letter, Opened};
use crate::{Redrive, RedriveError};

/// Where an event stands, in the order of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    /// It was written back just now.
    Replayed,
    /// It can be stored as far as anybody can tell.
    ToReplay,
    /// It should have been written back, and was not.
    Failed,
    /// Its purchase is stored.
    Resolved,
    /// Somebody has to decide.
    Held,
    /// It would only die again, or there is nothing left to write.
    Cannot,
}

impl State {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Replayed => "replayed",
            Self::ToReplay => "to replay",
            Self::Failed => "failed",
            Self::Resolved => "resolved",
            Self::Held => "held",
            Self::Cannot => "cannot",
        }
    }
}

/// An event, by its newest letter.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) opened: Opened,
    /// How many letters it has.
    pub(crate) letters: u64,
    pub(crate) state: State,
    /// Why it is in this state, unless there is nothing to say.
    pub(crate) why: String,
}

impl Judged {
    /// What goes back into the log, and under which key.
    pub(crate) fn writable(&self) -> Option<(&UserId, &Event)> {
        match (&self.opened.letter.content, &self.opened.found) {
            (Content::Event(event), Ok(entry)) => Some((&entry.purchase.userid, event)),
            _ => None,
        }
    }

    /// What there is to know in a line: why it is not replayed, or else why it died.
    pub(crate) fn detail(&self) -> &str {
        match self.state {
            State::Failed | State::Held | State::Cannot => &self.why,
            State::Replayed | State::ToReplay | State::Resolved => &self.opened.letter.detail,
        }
    }
}

impl Redrive<'_> {
    pub(crate) fn open(&self, letter: Letter) -> Opened {
        let place = letter.place;
        Opened::new(letter, self.log, || self.letters.name(place))
    }

    /// The events that are meant, in the order of their letters, compared with what is stored now.
    pub(crate) fn judged<'a>(
        &'a self,
        index: &'a Index,
        include: &'a [Reason],
    ) -> impl Stream<Item = Result<Judged, RedriveError>> + 'a {
        let batches = self.letters.read().map_err(RedriveError::Letters);
        let judged = batches.and_then(move |letters| {
            let opened = letters.into_iter().map(|letter| self.open(letter));
            let newest = opened.filter_map(|opened| {
                let letters = index.letters_of_newest(&opened)?;
                Some((opened, letters))
            });
            self.judge(newest.collect(), include)
        });
        judged
            .map_ok(|judged| stream::iter(judged).map(Ok))
            .try_flatten()
    }

    async fn judge(
        &self,
        newest: Vec<(Opened, u64)>,
        include: &[Reason],
    ) -> Result<Vec<Judged>, RedriveError> {
        let found = newest
            .iter()
            .filter_map(|(opened, _)| opened.found.as_ref().ok());
        let found: Vec<Entry> = found.cloned().collect();
        let mut standings = Vec::new();
        if !found.is_empty() {
            standings = self
                .store
                .look_up(found)
                .await
                .map_err(RedriveError::Store)?;
        }
        let mut standings = standings.into_iter();
        let judged = newest.into_iter().map(|(opened, letters)| {
            let (state, why) = match &opened.found {
                Err(why) => (State::Cannot, why.clone()),
                Ok(_) => stand(standings.next(), opened.letter.reason, include),
            };
            Judged {
                opened,
                letters,
                state,
                why,
            }
        });
        Ok(judged.collect())
    }
}

/// What becomes of an event that can be decoded.
fn stand(standing: Option<Standing>, reason: Reason, include: &[Reason]) -> (State, String) {
    let (state, why) = match standing {
        Some(Standing::Same) => (State::Resolved, "its purchase is stored"),
        Some(Standing::Other) => (
            State::Held,
            "its id is taken by a purchase with other content, which stands",
        ),
        Some(Standing::Absent) if HELD.contains(&reason) && !include.contains(&reason) => {
            let why = format!("it can be stored by now; replay it with --include {reason}");
            return (State::Held, why);
        }
        Some(Standing::Absent) => (State::ToReplay, ""),
        None => (
            State::Held,
            "the store did not say what stands under its id",
        ),
    };
    (state, why.to_owned())
}
