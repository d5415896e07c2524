//! The recorder on a real store: many deliveries, few writes, nothing mixed up.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

use std::sync::Arc;
use std::time::Duration;

use delivery::{RecordError, Recorder, RecorderOptions};
use futures_util::future;
use purchase::{Purchase, Recorded};
use testkit::file::SqliteFile;
use testkit::sample::{self, entries};

fn recorder(options: RecorderOptions) -> (Recorder, SqliteFile) {
    let file = SqliteFile::open();
    (
        Recorder::start(Arc::new(file.sqlite.store()), options),
        file,
    )
}

#[tokio::test]
async fn deliveries_at_once_share_writes_and_get_their_own_answers() {
    let (recorder, file) = recorder(RecorderOptions::default());
    let first = sample::purchase("ada");
    recorder.record(vec![first.clone().into()]).await.unwrap();
    let before = file.sqlite.commits();
    let deliveries = (0..256).map(|n| {
        let conflict = Purchase {
            item: None,
            ..first.clone()
        };
        let batch = match n % 4 {
            0 => vec![sample::purchase("ada")],
            1 => vec![first.clone(), sample::purchase("ada")],
            2 => vec![conflict],
            _ => Vec::new(),
        };
        let recorder = recorder.clone();
        async move { (n, recorder.record(entries(&batch)).await.unwrap()) }
    });
    let lock = file.lock();
    let deliveries = future::join(future::join_all(deliveries), async { drop(lock) });
    for (n, recorded) in deliveries.await.0 {
        let recorded: Vec<_> = recorded.into_iter().map(Result::unwrap).collect();
        let duplicate = Recorded::Duplicate {
            timestamp: first.timestamp,
        };
        let expected = match n % 4 {
            0 => vec![Recorded::Stored],
            1 => vec![duplicate, Recorded::Stored],
            2 => vec![Recorded::Conflict],
            _ => Vec::new(),
        };
        assert_eq!(recorded, expected, "delivery {n}");
    }
    let commits = file.sqlite.commits() - before;
    assert!(commits <= 3, "{commits} commits for 192 deliveries");
}

#[tokio::test]
async fn a_waiting_delivery_is_answered_at_its_deadline_and_still_written() {
    let options = RecorderOptions {
        deadline: Duration::from_millis(30),
        ..Default::default()
    };
    let (recorder, file) = recorder(options);
    let lock = file.lock();
    let purchase = sample::purchase("ada");
    let error = recorder
        .record(vec![purchase.clone().into()])
        .await
        .unwrap_err();
    assert!(matches!(error, RecordError::Deadline(_)), "{error}");
    lock.execute_batch("ROLLBACK").unwrap();
    let reader = file.sqlite.store();
    testkit::eventually("the abandoned write", async || {
        let owners = purchase::PurchaseReader::find_owners(&reader, vec![purchase.id]).await;
        owners.unwrap().get(&purchase.id).cloned()
    })
    .await;
}

#[tokio::test]
async fn over_its_queue_the_recorder_refuses_at_once() {
    let options = RecorderOptions {
        queue_max: 1,
        ..Default::default()
    };
    let (recorder, file) = recorder(options);
    let lock = file.lock();
    let deliveries: Vec<_> = (0..8)
        .map(|_| {
            let recorder = recorder.clone();
            tokio::spawn(async move { recorder.record(vec![sample::purchase("ada").into()]).await })
        })
        .collect();
    let mut saturated = 0;
    let all = future::join_all(deliveries);
    // Some are refused while the lock is still held; the others finish once it is gone.
    tokio::task::yield_now().await;
    lock.execute_batch("ROLLBACK").unwrap();
    for answer in all.await {
        match answer.unwrap() {
            Ok(recorded) => assert!(matches!(recorded[..], [Ok(Recorded::Stored)])),
            Err(RecordError::Saturated) => saturated += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert!((5..8).contains(&saturated), "{saturated} of 8 were refused");
}
