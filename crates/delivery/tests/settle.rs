//! The settler on a real store that is away, and on dead letters that fail.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use delivery::{Arrival, DeadLetters, Pace, Progress, Settler};
use purchase::event::{Reason, Rejection};
use purchase::{Entry, Owner, PortError, Purchase, PurchaseReader as _, PurchaseWriter, Recorded};
use testkit::file::SqliteFile;
use testkit::{eventually, sample};

/// A real store that fails its first calls, and of each batch the purchases of one user.
struct Shaky {
    store: sqlite::SqliteStore,
    failures: AtomicUsize,
}

#[async_trait]
impl PurchaseWriter for Shaky {
    async fn record_all(&self, batch: Vec<Entry>) -> Vec<Result<Recorded, PortError>> {
        let fails = self
            .failures
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                left.checked_sub(1)
            })
            .is_ok();
        let shaky: Vec<_> = batch
            .iter()
            .map(|entry| entry.purchase.userid.as_str() == "shaky")
            .collect();
        let recorded = self.store.record_all(batch).await;
        // The write was made, and its answer was lost: the worst way to fail.
        recorded
            .into_iter()
            .zip(shaky)
            .map(|(recorded, shaky)| match fails && shaky {
                true => Err(PortError::transient("no majority")),
                false => recorded,
            })
            .collect()
    }
}

/// Keeps what it is given, after some failures.
#[derive(Default)]
struct Drawer {
    letters: Mutex<Vec<(usize, Reason)>>,
    failures: AtomicUsize,
}

#[async_trait]
impl DeadLetters<usize> for Drawer {
    async fn bury(&self, record: &usize, rejection: &Rejection) -> Result<(), PortError> {
        let fails = self
            .failures
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                left.checked_sub(1)
            });
        if fails.is_ok() {
            return Err(PortError::permanent("the topic is full"));
        }
        self.letters
            .lock()
            .unwrap()
            .push((*record, rejection.reason));
        Ok(())
    }
}

struct Fixture {
    settler: Arc<Settler<usize>>,
    store: Arc<Shaky>,
    drawer: Arc<Drawer>,
    file: SqliteFile,
}

fn fixture(store_failures: usize, drawer_failures: usize) -> Fixture {
    let file = SqliteFile::open();
    let store = Arc::new(Shaky {
        store: file.sqlite.store(),
        failures: AtomicUsize::new(store_failures),
    });
    let drawer = Arc::new(Drawer {
        failures: AtomicUsize::new(drawer_failures),
        ..Drawer::default()
    });
    let pace = Pace {
        first: Duration::from_millis(1),
        longest: Duration::from_millis(4),
        random: || [7; 10],
    };
    let progress = Arc::new(Progress::default());
    let (writer, dead_letters) = (store.clone(), drawer.clone());
    let settler = Arc::new(Settler {
        writer,
        dead_letters,
        pace,
        progress,
    });
    Fixture {
        settler,
        store,
        drawer,
        file,
    }
}

fn arrivals(entries: Vec<Result<Purchase, Rejection>>) -> Vec<Arrival<usize>> {
    let arrival = |(record, entry): (usize, Result<Purchase, Rejection>)| Arrival {
        record,
        entry: entry.map(Entry::from),
    };
    entries.into_iter().enumerate().map(arrival).collect()
}

#[tokio::test]
async fn a_mixed_batch_is_stored_and_buried_whatever_fails_on_the_way() {
    let fixture = fixture(5, 3);
    let [shaky, steady] = ["shaky", "steady"].map(sample::purchase);
    let conflict = Purchase {
        item: None,
        ..steady.clone()
    };
    let malformed = Rejection::new(Reason::Malformed, "no JSON");
    let batch = vec![
        Ok(shaky.clone()),
        Err(malformed),
        Ok(steady.clone()),
        Ok(conflict),
        Ok(steady.clone()),
    ];
    let records = fixture.settler.settle(arrivals(batch)).await;
    assert_eq!(records, [0, 1, 2, 3, 4]);
    let mut letters = fixture.drawer.letters.lock().unwrap().clone();
    letters.sort_by_key(|(record, _)| *record);
    assert_eq!(letters, [(1, Reason::Malformed), (3, Reason::Conflict)]);
    let listed = fixture
        .file
        .sqlite
        .store()
        .list(&Owner::Everyone, None, 10)
        .await
        .unwrap();
    assert_eq!(listed.len(), 2);
    let progress = &fixture.settler.progress;
    // The answer of the first write was lost, so the purchase was found stored.
    assert_eq!((progress.stored(), progress.duplicates()), (1, 2));
    assert_eq!(progress.dead(Reason::Malformed), 1);
    assert!(!progress.store_refuses() && !progress.dead_letters_refuse());
}

#[tokio::test]
async fn a_batch_is_not_settled_while_a_dead_letter_cannot_be_written() {
    let fixture = fixture(0, usize::MAX);
    let invalid = Rejection::new(Reason::Invalid, "no price");
    let settler = fixture.settler.clone();
    let batch = arrivals(vec![Err(invalid), Ok(sample::purchase("ada"))]);
    let settling = tokio::spawn(async move { settler.settle(batch).await });
    eventually("the dead letter to be refused", async || {
        fixture.settler.progress.dead_letters_refuse().then_some(())
    })
    .await;
    assert!(!settling.is_finished());
    assert_eq!(fixture.settler.progress.stored(), 1);
    fixture.drawer.failures.store(0, Ordering::SeqCst);
    assert_eq!(settling.await.unwrap(), [0, 1]);
}

#[tokio::test]
async fn a_batch_waits_for_the_store_as_long_as_it_is_away_and_says_so() {
    let fixture = fixture(usize::MAX, 0);
    let settler = fixture.settler.clone();
    let batch = arrivals(vec![Ok(sample::purchase("shaky"))]);
    let settling = tokio::spawn(async move { settler.settle(batch).await });
    eventually("the store to refuse", async || {
        fixture.settler.progress.store_refuses().then_some(())
    })
    .await;
    assert!(fixture.settler.progress.longest_call() < testkit::PATIENCE);
    fixture.store.failures.store(0, Ordering::SeqCst);
    settling.await.unwrap();
    assert!(!fixture.settler.progress.store_refuses());
}
