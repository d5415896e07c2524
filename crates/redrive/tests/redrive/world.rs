//! Letters, a log and a store that a test fills and breaks.

use std::collections::HashMap;
use std::future::pending;
use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use clap::Parser;
use cloudevents::Event;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use purchase::event::{self, Reason, assemble};
use purchase::{
    AppendError, Entry, PortError, Purchase, PurchaseEvent, PurchaseId, PurchaseLookup, Standing,
    Timestamp, UserId,
};
use redrive::{
    Args, Content, DeadLetters, Letter, Log, Place, Redrive, RedriveError, Screen, replayable,
};
use testkit::sample::{self, NOON_MS};
use tokio::sync::Semaphore;

/// Small, so that a few letters are several batches.
const BATCH: usize = 3;

/// What there is, and what came of it.
pub(crate) struct World {
    pub(crate) letters: Vec<Letter>,
    /// When the letters cannot be read any more: in which reading, at which batch, both counted from 0.
    pub(crate) breaks: Option<(usize, usize)>,
    /// Whether they only stop coming then.
    pub(crate) hangs: bool,
    readings: AtomicUsize,
    pub(crate) stored: HashMap<PurchaseId, Purchase>,
    pub(crate) log: FakeLog,
}

pub(crate) struct FakeLog {
    pub(crate) appended: Mutex<Vec<(String, Event)>>,
    /// One for each event that may be acknowledged.
    pub(crate) room: Semaphore,
    /// What the log says to the event with this id.
    pub(crate) refusals: HashMap<String, fn() -> AppendError>,
    pub(crate) waiting: AtomicUsize,
    pub(crate) waiting_most: AtomicUsize,
}

/// What the commands said.
#[derive(Clone, Default)]
pub(crate) struct Said(Arc<Mutex<Vec<u8>>>);

impl Said {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Said {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[derive(Parser)]
struct Program {
    #[command(flatten)]
    redrive: Args,
}

fn args(line: &str) -> Args {
    let words = ["redrive"].into_iter().chain(line.split(' '));
    Program::try_parse_from(words).unwrap().redrive
}

impl World {
    pub(crate) fn new(letters: impl IntoIterator<Item = Letter>) -> Self {
        let letters = letters.into_iter().zip(0..);
        let at = |(letter, offset)| Letter {
            place: Place {
                partition: 0,
                offset,
            },
            ..letter
        };
        Self {
            letters: letters.map(at).collect(),
            breaks: None,
            hangs: false,
            readings: AtomicUsize::new(0),
            stored: HashMap::new(),
            log: FakeLog {
                appended: Mutex::default(),
                room: Semaphore::new(Semaphore::MAX_PERMITS),
                refusals: HashMap::new(),
                waiting: AtomicUsize::new(0),
                waiting_most: AtomicUsize::new(0),
            },
        }
    }

    /// Runs a command to its end; what it printed.
    pub(crate) async fn run(&self, line: &str) -> (String, Result<(), RedriveError>) {
        let (out, progress) = (Said::default(), Said::default());
        let done = self.run_until(line, pending(), &out, &progress).await;
        assert_eq!(progress.text(), "");
        (out.text(), done)
    }

    pub(crate) async fn run_until(
        &self,
        line: &str,
        stop: impl Future<Output = ()>,
        out: &Said,
        progress: &Said,
    ) -> Result<(), RedriveError> {
        let redrive = Redrive {
            letters: self,
            log: &self.log,
            store: self,
            now: Timestamp::from_millis(NOON_MS).unwrap(),
        };
        let screen = Screen {
            out: &mut out.clone(),
            progress: &mut progress.clone(),
        };
        redrive.run(args(line), stop, screen).await
    }

    /// The ids of the events that came into the log, sorted: events on their way together arrive in any order.
    pub(crate) fn appended(&self) -> Vec<String> {
        let appended = self.log.appended.lock().unwrap();
        let ids = appended.iter().map(|(_, event)| {
            let entry = event::decode(event).unwrap();
            entry.purchase.id.to_string()
        });
        let mut ids: Vec<_> = ids.collect();
        ids.sort();
        ids
    }

    /// Delivers what is in the log.
    pub(crate) fn deliver(&mut self) {
        for (_, event) in self.log.appended.get_mut().unwrap().drain(..) {
            let purchase = event::decode(&event).unwrap().purchase;
            self.stored.insert(purchase.id, purchase);
        }
    }
}

impl DeadLetters for World {
    fn read(&self) -> BoxStream<'_, Result<Vec<Letter>, PortError>> {
        let reading = self.readings.fetch_add(1, Ordering::Relaxed);
        let broken = self.breaks.filter(|(broken, _)| *broken == reading);
        let batches = self.letters.chunks(BATCH).map(<[Letter]>::to_vec).map(Ok);
        let Some((_, nth)) = broken else {
            return stream::iter(batches).boxed();
        };
        let hangs = self.hangs;
        let end = stream::once(async move {
            if hangs {
                pending::<()>().await;
            }
            Err(PortError::transient("the letters went away"))
        });
        stream::iter(batches.take(nth)).chain(end).boxed()
    }

    fn name(&self, place: Place) -> String {
        format!("letters/{}", place.offset)
    }
}

#[async_trait]
impl PurchaseLookup for World {
    async fn look_up(&self, batch: Vec<Entry>) -> Result<Vec<Standing>, PortError> {
        let standing = |entry: &Entry| match self.stored.get(&entry.purchase.id) {
            None => Standing::Absent,
            Some(stored) if stored.same_content(&entry.purchase) => Standing::Same,
            Some(_) => Standing::Other,
        };
        Ok(batch.iter().map(standing).collect())
    }
}

#[async_trait]
impl Log for FakeLog {
    fn delivered(&self, event: &Event) -> Event {
        event.clone()
    }

    async fn append(&self, userid: &UserId, event: &Event) -> Result<(), AppendError> {
        let purchase = event::decode(event).unwrap().purchase;
        let waiting = self.waiting.fetch_add(1, Ordering::Relaxed) + 1;
        self.waiting_most.fetch_max(waiting, Ordering::Relaxed);
        // As a real log: not at once.
        tokio::task::yield_now().await;
        self.room.acquire().await.unwrap().forget();
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        if let Some(refusal) = self.refusals.get(&purchase.id.to_string()) {
            return Err(refusal());
        }
        let mut appended = self.appended.lock().unwrap();
        appended.push((userid.to_string(), event.clone()));
        Ok(())
    }
}

/// A purchase of `userid` with an id that says which one it is.
pub(crate) fn purchase(userid: &str, nth: u8) -> Purchase {
    Purchase {
        id: format!("00000000-0000-7000-8000-0000000000{nth:02x}")
            .parse()
            .unwrap(),
        ..sample::purchase(userid)
    }
}

/// Its letter; it died so many minutes before noon.
pub(crate) fn letter(purchase: &Purchase, reason: Reason, minutes: i64) -> Letter {
    let event = PurchaseEvent {
        purchase: purchase.clone(),
        traceparent: None,
    };
    of_event(event.to_cloudevent(), reason, minutes)
}

pub(crate) fn of_event(event: Event, reason: Reason, minutes: i64) -> Letter {
    Letter {
        place: Place {
            partition: 0,
            offset: 0,
        },
        reason,
        detail: format!("it died of {reason}"),
        died_at: Timestamp::from_millis(NOON_MS - minutes * 60_000).unwrap(),
        origin: None,
        key: None,
        content: Content::Event(replayable(event)),
    }
}

/// An event that somebody else made.
pub(crate) fn event(ty: &str, source: &str, id: &str, data: &[u8]) -> Event {
    let attributes = [
        ("specversion", "1.0"),
        ("type", ty),
        ("source", source),
        ("id", id),
        ("time", "2026-01-31T12:00:00Z"),
    ];
    let attributes = attributes.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assemble(attributes, Some(data.to_vec())).unwrap()
}
