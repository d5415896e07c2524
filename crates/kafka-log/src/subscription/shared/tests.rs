//! What goes between the polling thread and the callers, without a broker.

use std::thread;

use purchase::Timestamp;

use super::*;

fn shared() -> Arc<Shared> {
    let shared = Shared::new(&SubscriptionOptions::new("purchases", "purchase-group"));
    shared.assign(&[0, 1]);
    shared
}

fn record(partition: i32, offset: i64) -> Record {
    Record {
        topic: Arc::from("purchases"),
        partition,
        offset,
        recorded_at: Timestamp::EPOCH,
        key: None,
        headers: Vec::new(),
        value: None,
    }
}

async fn next_offsets(shared: &Shared) -> Vec<i64> {
    let next = shared.next(10).await;
    next.iter().map(|delivery| delivery.record.offset).collect()
}

#[tokio::test]
async fn a_partition_that_is_given_back_takes_its_records_along() {
    let shared = shared();
    for (partition, offset) in [(0, 1), (1, 2), (0, 3)] {
        assert_eq!(shared.take(record(partition, offset)), Taken::Yes);
    }
    shared.drop_buffered(&[0]);
    assert_eq!(next_offsets(&shared).await, [2]);
}

#[tokio::test]
async fn records_of_a_topic_that_is_gone_are_handed_out_all_the_same() {
    let shared = shared();
    shared.take(record(0, 7));
    shared.begin_anew(true);
    shared.assign(&[0]);
    shared.take(record(0, 0));
    let both = shared.next(10).await;
    let offsets: Vec<_> = both.iter().map(|delivery| delivery.record.offset).collect();
    assert_eq!(offsets, [7, 0]);
    shared.done(&both[0].place);
    let committable = |shared: &Shared| shared.positions(|positions| positions.committable());
    assert_eq!(
        committable(&shared),
        [(0, 0)],
        "the old record says nothing of the new topic"
    );
    shared.done(&both[1].place);
    assert_eq!(committable(&shared), [(0, 1)]);
}

#[test]
fn a_name_with_another_id_belongs_to_another_topic() {
    let shared = shared();
    for (id, made_anew) in [("first", false), ("first", false), ("second", true)] {
        shared.set_topic_id(id);
        assert_eq!(shared.is_made_anew(), made_anew);
    }
    shared.begin_anew(true);
    shared.set_topic_id("second");
    assert!(!shared.is_made_anew(), "the next consumer knows it");
    // Positions that were lost say it before the id does.
    shared.begin_anew(true);
    shared.set_topic_id("third");
    assert!(!shared.is_made_anew());
}

#[tokio::test]
async fn a_wait_ends_with_the_subscription() {
    let shared = shared();
    let waiting = tokio::spawn({
        let shared = Arc::clone(&shared);
        async move { shared.next(10).await }
    });
    tokio::task::yield_now().await;
    shared.end(End::Failed(SubscriptionError::Panicked));
    assert_eq!(waiting.await.unwrap(), []);
    assert_eq!(
        shared.ended().await,
        End::Failed(SubscriptionError::Panicked)
    );
}

#[test]
fn draining_ends_when_everything_is_done_or_time_is_up() {
    let shared = shared();
    shared.take(record(0, 1));
    let next = futures_util::FutureExt::now_or_never(shared.next(1)).unwrap();
    let soon = Instant::now() + Duration::from_millis(120);
    assert_eq!(shared.drain(&[0], soon), 1);
    assert!(Instant::now() >= soon);
    let finishing = thread::spawn({
        let shared = Arc::clone(&shared);
        move || shared.done(&next[0].place)
    });
    let never = Instant::now() + Duration::from_secs(60);
    assert_eq!(shared.drain(&[0, 1], never), 0);
    finishing.join().unwrap();
}

#[test]
fn a_fault_of_the_topic_ends_with_records_and_not_with_an_answer() {
    let shared = shared();
    let fault = |shared: &Shared| shared.state().fault;
    assert!(shared.set_fault("brokers are down".to_owned(), false));
    assert!(
        !shared.set_fault("brokers are down".to_owned(), false),
        "known"
    );
    shared.clear_fault(false);
    assert_eq!(fault(&shared), None);

    assert!(shared.set_fault("no permission".to_owned(), true));
    shared.clear_fault(false);
    assert_eq!(fault(&shared).as_deref(), Some("no permission"));
    shared.take(record(0, 0));
    assert_eq!(fault(&shared), None);
}
