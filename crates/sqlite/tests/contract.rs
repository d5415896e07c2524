//! SQLite keeps the contract of every port, and its promise in the face of locks and full queues.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

use std::time::{Duration, Instant};

use futures_util::future;
use purchase::event::{Reason, structured};
use purchase::{
    AppendError, EventLog, Owner, PortError, PurchaseEvent, PurchaseReader, PurchaseWriter,
    Timestamp,
};
use rusqlite::Connection;
use sqlite::{DeadLetter, Delivery, OpenError, Options, Sqlite};
use testkit::file::SqliteFile;
use testkit::{contract, eventually, sample};

fn event() -> PurchaseEvent {
    PurchaseEvent {
        purchase: sample::purchase("ada"),
        traceparent: None,
    }
}

#[tokio::test]
async fn sqlite_is_an_event_log() {
    let file = SqliteFile::open();
    let log = file.sqlite.log();
    contract::log::run(&log, async || {
        let events = log.read(0, 100_000).await.unwrap();
        events
            .iter()
            .map(|event| structured::read(event.json.as_bytes()).unwrap())
            .collect()
    })
    .await;
}

#[tokio::test]
async fn sqlite_is_a_purchase_writer() {
    let file = SqliteFile::open();
    let store = file.sqlite.store();
    contract::writer::run(&store, &store).await;
}

#[tokio::test]
async fn sqlite_is_a_purchase_lookup() {
    let file = SqliteFile::open();
    let store = file.sqlite.store();
    contract::lookup::run(&store, &store).await;
}

#[tokio::test]
async fn sqlite_is_a_purchase_reader() {
    let file = SqliteFile::open();
    let store = file.sqlite.store();
    contract::reader::run(&store, &store).await;
}

#[tokio::test]
async fn a_commit_is_synced_in_wal_mode() {
    let durability = SqliteFile::open().sqlite.durability().await.unwrap();
    assert_eq!(
        (durability.journal_mode.as_str(), durability.synchronous),
        ("wal", 2)
    );
}

#[tokio::test]
async fn writes_that_gather_while_another_is_committed_share_a_commit() {
    let file = SqliteFile::open();
    let log = file.sqlite.log();
    let lock = file.lock();
    // Whatever the writer has taken by now waits for the lock, and the rest waits for the writer.
    let appends = future::join_all((0..500).map(|_| log.append(event())));
    let appended = future::join(appends, async { drop(lock) }).await.0;
    assert!(appended.iter().all(Result::is_ok));
    let commits = file.sqlite.commits();
    assert!(commits <= 2, "{commits} commits for 500 events");
}

#[tokio::test]
async fn a_locked_file_says_not_recorded_and_recovers() {
    let options = Options {
        busy_timeout: Duration::from_millis(50),
        ..Options::default()
    };
    let file = SqliteFile::with(options);
    let log = file.sqlite.log();
    let lock = file.lock();
    let error = log.append(event()).await.unwrap_err();
    assert!(
        matches!(error, AppendError::NotRecorded(PortError::Transient(_))),
        "{error}"
    );
    lock.execute_batch("ROLLBACK").unwrap();
    assert!(log.read(0, 10).await.unwrap().is_empty());
    log.append(event()).await.unwrap();
    assert_eq!(log.read(0, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_write_without_acknowledgement_says_unknown_at_its_deadline() {
    let deadline = Duration::from_millis(50);
    let file = SqliteFile::with(Options {
        deadline,
        ..Options::default()
    });
    let log = file.sqlite.log();
    let lock = file.lock();
    let started = Instant::now();
    let error = log.append(event()).await.unwrap_err();
    assert!(
        matches!(error, AppendError::Unknown(PortError::Transient(_))),
        "{error}"
    );
    assert!(started.elapsed() >= deadline);
    lock.execute_batch("ROLLBACK").unwrap();
    // It was in the queue, so it happened after all: that is what "unknown" is for.
    eventually("the append", async || log.read(0, 10).await.unwrap().pop()).await;
}

#[tokio::test]
async fn a_full_queue_refuses_at_once() {
    let file = SqliteFile::with(Options {
        queue_max: 2,
        ..Options::default()
    });
    let log = file.sqlite.log();
    let lock = file.lock();
    // The thread takes what is waiting before it meets the lock: fill the queue until it refuses.
    let started = Instant::now();
    let mut waiting = Vec::new();
    let refused = eventually("a full queue", async || {
        let log = log.clone();
        let append = tokio::spawn(async move { log.append(event()).await });
        match tokio::time::timeout(Duration::from_millis(20), append).await {
            Ok(refused) => Some(refused.unwrap().unwrap_err()),
            Err(_) => {
                waiting.push(());
                None
            }
        }
    })
    .await;
    assert!(
        matches!(refused, AppendError::NotRecorded(PortError::Transient(_))),
        "{refused}"
    );
    assert!(started.elapsed() < Duration::from_secs(1));
    lock.execute_batch("ROLLBACK").unwrap();
    let appended = waiting.len();
    eventually("the waiting appends", async || {
        (log.read(0, 10).await.unwrap().len() == appended).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_settled_event_is_gone_and_a_dead_one_is_kept() {
    let file = SqliteFile::open();
    let log = file.sqlite.log();
    for _ in 0..3 {
        log.append(event()).await.unwrap();
    }
    let events = log.read(0, 10).await.unwrap();
    log.settle(vec![events[0].position]).await.unwrap();
    let letter = DeadLetter {
        position: events[1].position,
        json: events[1].json.clone(),
        reason: Reason::Conflict,
        detail: "its id is taken".to_owned(),
        attempts: 1,
        died_at: Timestamp::EPOCH,
    };
    log.bury(letter.clone()).await.unwrap();
    log.bury(letter.clone()).await.unwrap();
    assert_eq!(log.read(0, 10).await.unwrap(), [events[2].clone()]);
    assert_eq!(log.read(events[2].position, 10).await.unwrap(), []);
    assert_eq!(log.dead_letters(0, 10).await.unwrap(), [letter]);
    assert_eq!(
        log.delivery().await.unwrap(),
        Delivery {
            waiting: 1,
            dead_letters: 1
        }
    );
}

#[tokio::test]
async fn an_append_and_a_record_are_announced() {
    let file = SqliteFile::open();
    let (log, store) = (file.sqlite.log(), file.sqlite.store());
    log.append(event()).await.unwrap();
    log.appended().await;
    store.record_all(vec![sample::purchase("ada").into()]).await;
    store.changed().await;
}

#[tokio::test]
async fn a_closed_file_holds_everything_and_refuses_more() {
    let file = SqliteFile::open();
    let log = file.sqlite.log();
    log.append(event()).await.unwrap();
    file.sqlite.close().await;
    file.sqlite.close().await;
    let error = log.append(event()).await.unwrap_err();
    assert!(matches!(error, AppendError::NotRecorded(_)), "{error}");
    let reopened = Sqlite::open(&file.path(), Options::default()).unwrap();
    assert_eq!(reopened.log().read(0, 10).await.unwrap().len(), 1);
}

#[test]
fn a_file_of_a_newer_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.sqlite");
    Connection::open(&path)
        .unwrap()
        .pragma_update(None, "user_version", 99)
        .unwrap();
    let error = Sqlite::open(&path, Options::default()).unwrap_err();
    assert!(
        matches!(error, OpenError::Newer { found: 99, .. }),
        "{error}"
    );
    std::fs::write(
        &path,
        "this is no database, it is a text file of some length",
    )
    .unwrap();
    assert!(matches!(
        Sqlite::open(&path, Options::default()),
        Err(OpenError::Open { .. })
    ));
}

#[tokio::test]
async fn a_write_that_fails_by_itself_takes_no_other_with_it() {
    let file = SqliteFile::open();
    let (log, store) = (file.sqlite.log(), file.sqlite.store());
    let damaged = sample::purchase("ada");
    store.record_all(vec![damaged.clone().into()]).await;
    let damage = "UPDATE purchases SET price = 'abc'";
    Connection::open(file.path())
        .unwrap()
        .execute_batch(damage)
        .unwrap();
    // All in one group: the writer cannot finish the first before the lock is gone.
    let lock = file.lock();
    let fresh = sample::purchase("bob");
    let group = future::join4(
        store.record_all(vec![damaged.into()]),
        log.append(event()),
        store.record_all(vec![fresh.clone().into()]),
        async { drop(lock) },
    );
    let (broken, appended, recorded, ()) = group.await;
    assert!(
        matches!(broken[..], [Err(PortError::Permanent(_))]),
        "{broken:?}"
    );
    appended.unwrap();
    assert!(
        matches!(recorded[..], [Ok(purchase::Recorded::Stored)]),
        "{recorded:?}"
    );
    assert_eq!(log.read(0, 10).await.unwrap().len(), 1);
    assert_eq!(store.find_owners(vec![fresh.id]).await.unwrap().len(), 1);
}

#[tokio::test]
async fn readers_that_leave_do_not_pile_up_connections() {
    let file = SqliteFile::open();
    let store = file.sqlite.store();
    let batch: Vec<_> = (0..2_000).map(|_| sample::purchase("ada").into()).collect();
    store.record_all(batch).await;
    for _ in 0..200 {
        let mut read = store.list(&Owner::Everyone, None, 2_000);
        // Begun and given up.
        let _ = futures_util::poll!(read.as_mut());
        tokio::task::yield_now().await;
    }
    store.list(&Owner::Everyone, None, 1).await.unwrap();
    let path = file.path();
    let open = std::fs::read_dir("/proc/self/fd").unwrap();
    let open = open.filter(|fd| {
        std::fs::read_link(fd.as_ref().unwrap().path()).is_ok_and(|target| target == path)
    });
    // The writer and at most four readers.
    assert!(open.count() <= 5);
}
