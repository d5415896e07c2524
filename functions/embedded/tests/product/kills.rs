//! SIGKILL at random moments: the promise holds whatever is on its way.

use std::sync::Arc;
use std::time::Duration;

use testkit::PATIENCE;
use testkit::app::client;
use testkit::oracle::{Intent, Oracle, Outcome};
use testkit::random::Random;

use crate::product::{Folder, Product};

const KILLS: u64 = 20;
const BUYERS: u64 = 16;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_kills_under_load_lose_and_double_nothing() {
    let mut random = Random::from_env();
    let folder = Folder::new();
    let oracle = Arc::new(Oracle::default());
    let mut ambiguous_rounds = 0;
    for _ in 0..KILLS {
        let product = Product::start(&folder).await;
        let before = oracle.judge(&[]).ambiguous;
        let buyers: Vec<_> = (0..BUYERS)
            .map(|n| {
                let (oracle, url) = (Arc::clone(&oracle), product.buy.clone());
                tokio::spawn(buy_until_gone(oracle, url, format!("user-{n}"), n % 2 == 0))
            })
            .collect();
        // The random moment; nothing depends on what has happened by then.
        tokio::time::sleep(Duration::from_millis(20 + random.below(280))).await;
        product.process.kill();
        for buyer in buyers {
            buyer.await.unwrap();
        }
        ambiguous_rounds += usize::from(oracle.judge(&[]).ambiguous > before);
        assert_eq!(folder.integrity(), "ok");
    }

    let product = Product::start(&folder).await;
    let client = client();
    let lists = oracle.full_lists(&client, &product.page).await;
    product.stop().await;
    let verdict = oracle.judge(&lists);
    println!("{verdict}");
    assert!(verdict.is_kept(), "{verdict:#?}");
    assert!(
        verdict.accepted > 500,
        "too little load to show anything: {verdict}"
    );
    assert!(
        ambiguous_rounds >= 5,
        "the kills hit nothing on its way: {ambiguous_rounds} rounds"
    );
    assert_eq!(folder.integrity(), "ok");
    assert_eq!(folder.count("log"), 0, "left undelivered");
    assert_eq!(folder.count("dead_letters"), 0);
}

/// Buys one thing after the other until nobody answers. With a key, an ambiguous answer is repeated, as a client would after
/// the restart; that repetition is the next round's first purchase of the same intent.
async fn buy_until_gone(oracle: Arc<Oracle>, url: String, userid: String, keyed: bool) {
    let client = client();
    let started = std::time::Instant::now();
    while started.elapsed() < PATIENCE {
        let intent = Intent::new(&userid, keyed);
        match oracle.buy(&client, &url, &intent).await {
            Outcome::Accepted(_) => {
                // Repeated on purpose: the same purchase, whatever happens in between.
                if keyed && oracle.buy(&client, &url, &intent).await == Outcome::NotRecorded {
                    return;
                }
            }
            Outcome::NotRecorded | Outcome::Ambiguous => return,
        }
    }
}
