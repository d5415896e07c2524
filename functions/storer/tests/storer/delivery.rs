//! Many deliveries at once, repeated and in any order.

use crate::support::{Form, Sent, Store, purchase};
use delivery::RecorderOptions;
use purchase::Purchase;
use testkit::NEVER;
use testkit::file::patient;
use testkit::random::Random;
use testkit::raw::status;
use testkit::{eventually, raw, sample};
use tokio::task::JoinSet;

#[tokio::test]
async fn deliveries_at_once_share_commits() {
    let options = patient();
    let recorder = RecorderOptions {
        deadline: NEVER,
        ..RecorderOptions::default()
    };
    let store = Store::with(options, recorder).await;
    let lock = store.file.lock();
    let address = store.app.address;
    let mut delivering = JoinSet::new();
    for n in 0..64 {
        let request = Sent::of(&purchase(n)).binary();
        delivering.spawn(async move { raw::exchange(address, &request).await });
    }
    eventually("64 in flight", async || {
        (store.in_flight() == 64).then_some(())
    })
    .await;
    lock.execute_batch("ROLLBACK").unwrap();
    for answer in delivering.join_all().await {
        assert_eq!(status(&answer), 204);
    }
    assert_eq!(store.list().await.len(), 64);
    let commits = store.file.sqlite.commits();
    assert!(commits <= 8, "{commits} commits for 64 deliveries");
}

#[tokio::test]
async fn each_event_is_stored_once_however_often_and_whenever_it_comes() {
    let mut random = Random::from_env();
    let store = Store::open().await;
    let mut purchases: Vec<Purchase> = (0..20).map(purchase).collect();
    let mut deliveries = Vec::new();
    for purchase in &purchases {
        for _ in 0..=random.below(5) {
            let form = Form::ALL[usize::try_from(random.below(3)).unwrap()];
            deliveries.push(Sent::of(purchase).write(form));
        }
    }
    random.shuffle(&mut deliveries);
    let address = store.app.address;
    let mut delivering = JoinSet::new();
    for request in deliveries {
        delivering.spawn(async move { raw::exchange(address, &request).await });
    }
    for answer in delivering.join_all().await {
        assert!(
            (200..300).contains(&status(&answer)),
            "{}",
            raw::show(&answer)
        );
    }
    let mut listed = store.list().await;
    listed.sort_by_key(|purchase| purchase.id);
    purchases.sort_by_key(|purchase| purchase.id);
    assert_eq!(listed, purchases);
}

#[tokio::test]
async fn of_two_contents_at_once_one_is_stored_and_the_other_is_a_conflict() {
    let store = Store::open().await;
    let address = store.app.address;
    for n in 0..20 {
        let first = purchase(n);
        let second = Purchase {
            item: None,
            ..first.clone()
        };
        let mut delivering = JoinSet::new();
        for purchase in [first, second] {
            let request = Sent::of(&purchase).binary();
            delivering.spawn(async move { status(&raw::exchange(address, &request).await) });
        }
        let mut statuses = delivering.join_all().await;
        statuses.sort_unstable();
        assert_eq!(statuses, [204, 422], "purchase {n}");
    }
    assert_eq!(store.list().await.len(), 20);
}

#[tokio::test]
async fn hostile_user_ids_are_stored_unchanged_in_every_form() {
    for form in Form::ALL {
        let store = Store::open().await;
        for userid in sample::HOSTILE_USER_IDS {
            let purchase = sample::purchase(userid);
            store.stores(&Sent::of(&purchase).write(form)).await;
            assert!(store.list().await.contains(&purchase), "{userid} {form:?}");
        }
    }
}
