//! A server that is away, stands still or comes back: every call is answered within its deadline, and work goes on as soon
//! as the server is there again.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use mongodb::bson::doc;
use purchase::{Owner, PortError, PurchaseReader, PurchaseWriter, Recorded};
use testkit::sample::{self, entries};
use testkit::{eventually, services};

use crate::support::mongod::Mongod;
use crate::support::{Store, user};

const WRITE_DEADLINE: Duration = Duration::from_secs(10);
const READ_DEADLINE: Duration = Duration::from_secs(8);
const PROBE_DEADLINE: Duration = Duration::from_secs(2);
/// What a busy machine adds.
const SLACK: Duration = Duration::from_millis(500);
/// From the open port to the first success.
const RECOVERY_MAX: Duration = Duration::from_secs(3);

/// Every port answers with a transient error in time.
async fn everything_is_refused_in_time(test: &Store) {
    let write = async {
        let started = Instant::now();
        let answer = test
            .store
            .record_all(entries(&[sample::purchase("eve")]))
            .await
            .remove(0);
        (started.elapsed(), WRITE_DEADLINE, answer.map(|_| ()))
    };
    let list = async {
        let started = Instant::now();
        let answer = test.store.list(&Owner::Everyone, None, 10).await;
        (started.elapsed(), READ_DEADLINE, answer.map(|_| ()))
    };
    let owners = async {
        let started = Instant::now();
        let answer = test
            .store
            .find_owners(vec![sample::purchase("eve").id])
            .await;
        (started.elapsed(), READ_DEADLINE, answer.map(|_| ()))
    };
    let probe = async {
        let started = Instant::now();
        let answer = test.store.probe().await;
        (started.elapsed(), PROBE_DEADLINE, answer)
    };
    let (write, list, owners, probe) = tokio::join!(write, list, owners, probe);
    for (took, deadline, answer) in [write, list, owners, probe] {
        assert!(matches!(answer, Err(PortError::Transient(_))), "{answer:?}");
        assert!(took <= deadline + SLACK, "{took:?} of {deadline:?}");
    }
}

async fn until_open(uri: &str) {
    let address = uri.split("://").nth(1).unwrap().split('/').next().unwrap();
    eventually("an open port", async || {
        tokio::net::TcpStream::connect(address).await.ok()
    })
    .await;
}

/// How long it takes until something is recorded and listed.
async fn recovery(test: &Store) -> Duration {
    let started = Instant::now();
    eventually("a recorded purchase", async || {
        let recorded = test
            .store
            .record_all(entries(&[sample::purchase("eve")]))
            .await;
        recorded.into_iter().next().unwrap().ok()
    })
    .await;
    test.store.list(&Owner::Everyone, None, 10).await.unwrap();
    test.store.probe().await.unwrap();
    started.elapsed()
}

#[tokio::test]
async fn a_server_that_is_absent_at_start_is_found_once_it_is_there() {
    let mut mongod = Mongod::new(true, &[]);
    let test = Store::without_indexes(&mongod.uri()).await;
    let store = test.store.clone();
    let indexes = tokio::spawn(async move { store.ensure_indexes().await });
    everything_is_refused_in_time(&test).await;
    assert!(!indexes.is_finished());
    mongod.up().await;
    let took = recovery(&test).await;
    assert!(took < RECOVERY_MAX, "{took:?}");
    eventually("the indexes", async || indexes.is_finished().then_some(())).await;
    assert_eq!(test.purchases.list_index_names().await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_killed_server_is_refused_in_time_and_found_again_at_once() {
    let mut mongod = Mongod::start().await;
    let test = Store::open(&mongod.uri()).await;
    recovery(&test).await;
    mongod.kill();
    everything_is_refused_in_time(&test).await;
    mongod.spawn();
    until_open(&mongod.uri()).await;
    let took = recovery(&test).await;
    println!("first success {took:?} after the port opened");
    assert!(took < RECOVERY_MAX, "{took:?}");
}

#[tokio::test]
async fn a_server_that_stands_still_is_refused_in_time_and_used_again_at_once() {
    let mongod = Mongod::start().await;
    let test = Store::with_options(&mongod.uri(), "&maxPoolSize=4").await;
    recovery(&test).await;
    mongod.pause();
    let (crowd, ()) = tokio::join!(
        async {
            let started = Instant::now();
            let calls =
                (0..100).map(|_| test.store.record_all(entries(&[sample::purchase("bob")])));
            (join_all(calls).await, started.elapsed())
        },
        everything_is_refused_in_time(&test)
    );
    let (answers, took) = crowd;
    let refused = |answer: &Vec<_>| matches!(answer[..], [Err(PortError::Transient(_))]);
    assert!(answers.iter().all(refused));
    assert!(took < WRITE_DEADLINE + SLACK, "{took:?}");
    mongod.resume();
    let took = recovery(&test).await;
    println!("first success {took:?} after it went on");
    assert!(took < RECOVERY_MAX, "{took:?}");
}

#[tokio::test]
async fn what_was_acknowledged_around_a_kill_is_stored_exactly_once() {
    let mut mongod = Mongod::start().await;
    // Shorter than a restart, which the driver's own second try would hide otherwise.
    let test = Store::with_options(&mongod.uri(), "&serverSelectionTimeoutMS=100").await;
    let batches: Vec<Vec<_>> = (0..8)
        .map(|_| (0..400).map(|_| sample::purchase("ada")).collect())
        .collect();
    let writers = batches.iter().map(async |purchases| {
        let mut refused = 0;
        for batch in purchases.chunks(10) {
            eventually("a recorded batch", async || {
                let answers = test.store.record_all(entries(batch)).await;
                let conflicts = answers
                    .iter()
                    .filter(|answer| matches!(answer, Ok(Recorded::Conflict)));
                assert_eq!(conflicts.count(), 0);
                let recorded = answers.iter().all(Result::is_ok);
                refused += usize::from(!recorded);
                recorded.then_some(())
            })
            .await;
        }
        refused
    });
    let trouble = async {
        eventually("some purchases", async || {
            (test.purchases.estimated_document_count().await.ok()? > 200).then_some(())
        })
        .await;
        mongod.kill();
        mongod.up().await;
    };
    let (refused, ()) = tokio::join!(join_all(writers), trouble);
    assert!(refused.iter().sum::<usize>() > 0, "the kill hit nothing");
    let listed = test.store.list(&user("ada"), None, 10_000).await.unwrap();
    let ids: HashSet<_> = listed.iter().map(|purchase| purchase.id).collect();
    assert_eq!((listed.len(), ids.len()), (3_200, 3_200));
}

#[tokio::test]
async fn two_connections_serve_two_hundred_callers() {
    let test = Store::with_options(&services::mongodb(), "&maxPoolSize=2").await;
    let calls = (0..200).map(|_| test.store.record_all(entries(&[sample::purchase("ada")])));
    let answers = join_all(calls).await;
    assert!(
        answers
            .iter()
            .all(|answer| matches!(answer[..], [Ok(Recorded::Stored)]))
    );
    assert_eq!(test.purchases.count_documents(doc! {}).await.unwrap(), 200);
    test.drop().await;
}

#[tokio::test]
async fn a_caller_that_leaves_neither_loses_the_write_nor_the_connection() {
    let test = Store::with_options(&services::mongodb(), "&maxPoolSize=2").await;
    recovery(&test).await;
    for _ in 0..100 {
        let mut call = test.store.record_all(entries(&[sample::purchase("ada")]));
        assert!(futures_util::poll!(call.as_mut()).is_pending());
        drop(call);
        tokio::task::yield_now().await;
    }
    // Those that had found no place were never begun; the connections still work, one after the other.
    for _ in 0..10 {
        assert!(
            test.store
                .record_all(entries(&[sample::purchase("bob")]))
                .await
                .remove(0)
                .is_ok()
        );
    }
    assert!(
        test.purchases
            .count_documents(doc! { "userid": "ada" })
            .await
            .unwrap()
            > 0
    );
    let status = test.run(doc! { "serverStatus": 1 }).await;
    let connections = status.get_document("connections").unwrap();
    println!("{connections}");
    test.drop().await;
}
