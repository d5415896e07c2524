//! A user with 100,000 purchases.

use std::time::{Duration, Instant};

use purchase::{Owner, PurchaseReader, PurchaseWriter};
use testkit::sample::{self, NOON_MS, entries};
use testkit::services;

use crate::support::{Store, pages, user};

const COUNT: usize = 100_000;

#[tokio::test]
async fn a_long_list_is_read_page_by_page_at_an_even_pace() {
    let test = Store::open(&services::mongodb()).await;
    let purchases: Vec<_> = (0..100_000)
        .map(|n| sample::at("ada", NOON_MS + n / 3))
        .collect();
    let started = Instant::now();
    for batch in purchases.chunks(5_000) {
        let answers = test.store.record_all(entries(batch)).await;
        assert!(answers.iter().all(Result::is_ok));
    }
    println!("recorded in {:?}", started.elapsed());
    for owner in [user("ada"), Owner::Everyone] {
        let started = Instant::now();
        let listed = pages(&test.store, &owner, 1_000).await;
        let took = started.elapsed();
        assert_eq!(listed.len(), COUNT);
        println!("listed in {took:?}");
        assert!(took < Duration::from_secs(10), "{took:?}");
    }
    // Three share each time, so 18 to 20 come after this one.
    let near_the_end = purchases[20].cursor();
    let started = Instant::now();
    let rest = test
        .store
        .list(&user("ada"), Some(near_the_end), 1_000)
        .await
        .unwrap();
    let took = started.elapsed();
    println!("the last page in {took:?}");
    assert!((18..=20).contains(&rest.len()), "{}", rest.len());
    assert!(took < Duration::from_millis(500), "{took:?}");
    test.drop().await;
}
