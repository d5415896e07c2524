//! However many wait, the store is asked one question at a time, for all of them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

mod support;

use std::time::{Duration, Instant};

use purchase::Purchase;
use support::{Answer, Fixture, fixture, get, stays};
use testkit::{eventually, sample};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

const WAITERS_MAX: usize = 1_000;
const TICK_MIN: Duration = Duration::from_millis(25);
/// Longer than the longest pause between two questions.
const SILENCE: Duration = Duration::from_millis(300);

fn purchases(count: usize) -> Vec<Purchase> {
    (0..count)
        .map(|n| sample::purchase(&format!("user-{n}")))
        .collect()
}

fn path(purchase: &Purchase) -> String {
    format!(
        "/getAllUserBuys/{}?contains={}",
        purchase.userid, purchase.id
    )
}

fn wait(fixture: &Fixture, purchase: &Purchase) -> JoinHandle<Answer> {
    let (router, uri) = (fixture.router.clone(), path(purchase));
    tokio::spawn(async move { get(&router, &uri, &[("prefer", "wait=10")]).await })
}

/// One client for each, and all of them in the room.
async fn crowd(fixture: &Fixture, purchases: &[Purchase]) -> Vec<JoinHandle<Answer>> {
    let waiting = purchases
        .iter()
        .map(|purchase| wait(fixture, purchase))
        .collect();
    asked_for(fixture, purchases.len()).await;
    waiting
}

/// Until the latest question was for this many ids.
async fn asked_for(fixture: &Fixture, count: usize) {
    eventually("one question for all", async || {
        let asked = fixture.spy.searches().last().map(Vec::len);
        (asked == Some(count)).then_some(())
    })
    .await;
}

async fn leave(waiting: Vec<JoinHandle<Answer>>) {
    for client in &waiting {
        client.abort();
    }
    for client in waiting {
        assert!(client.await.unwrap_err().is_cancelled(), "it was answered");
    }
}

/// No question any more: whoever asks periodically would have asked meanwhile.
async fn silent(fixture: &Fixture) {
    // One may have been on its way.
    let mut last = (0, Instant::now());
    eventually("the poller stops", async || {
        let asked = fixture.spy.searches().len();
        if asked != last.0 {
            last = (asked, Instant::now());
        }
        (last.1.elapsed() > SILENCE).then_some(())
    })
    .await;
    stays("questions while nobody waits", SILENCE, || {
        fixture.spy.searches().len()
    })
    .await;
}

#[tokio::test]
async fn a_thousand_waiters_are_one_question_and_one_more_is_answered_at_once() {
    let fixture = fixture();
    let purchases = purchases(WAITERS_MAX);
    let started = Instant::now();
    let waiting = crowd(&fixture, &purchases).await;
    let all_in = fixture.spy.searches().len() - 1;

    // Others buy meanwhile, so that the store has news all the time.
    let mut bought = 0;
    eventually("a second of waiting", async || {
        fixture.store(&[sample::purchase("somebody else")]).await;
        bought += 1;
        (started.elapsed() > Duration::from_secs(1)).then_some(())
    })
    .await;
    let elapsed = started.elapsed();
    let mut asked: Vec<_> = fixture.spy.searches().iter().map(Vec::len).collect();
    println!(
        "{} questions in {elapsed:?}, {bought} others bought",
        asked.len()
    );
    let most = elapsed.as_millis() / TICK_MIN.as_millis() + 2;
    assert!(
        asked.len() as u128 <= most,
        "{} questions in {elapsed:?}",
        asked.len()
    );
    assert!(
        asked
            .split_off(all_in)
            .iter()
            .all(|&ids| ids == WAITERS_MAX)
    );
    assert!(waiting.iter().all(|client| !client.is_finished()));

    let late = sample::purchase("late");
    let asking = Instant::now();
    let answer = fixture.get_preferring("wait=10", &path(&late)).await;
    assert_eq!(answer.said().0, Some("false"));
    assert!(
        answer.at - asking < Duration::from_millis(500),
        "{:?}",
        answer.at - asking
    );

    fixture.store(&purchases).await;
    let stored = Instant::now();
    let mut slowest = Duration::ZERO;
    for (client, purchase) in waiting.into_iter().zip(&purchases) {
        let answer = client.await.unwrap();
        assert_eq!(answer.said(), (Some("true"), Some("wait=10")));
        assert_eq!(answer.ids(), [purchase.id]);
        slowest = slowest.max(answer.at.saturating_duration_since(stored));
    }
    println!("the last of 1,000 was answered after {slowest:?}");
    silent(&fixture).await;
}

#[tokio::test]
async fn idle_waiters_are_asked_for_less_and_less_often() {
    let fixture = fixture();
    let waiting = crowd(&fixture, &purchases(100)).await;
    let (before, started) = (fixture.spy.searches().len(), Instant::now());
    eventually("a second of waiting", async || {
        (started.elapsed() > Duration::from_secs(1)).then_some(())
    })
    .await;
    let asked = fixture.spy.searches().len() - before;
    println!("{asked} questions in a second without news");
    assert!(asked <= 9, "{asked} questions in a second");
    leave(waiting).await;
}

#[tokio::test]
async fn clients_that_go_away_free_their_places() {
    let fixture = fixture();
    let purchases = purchases(WAITERS_MAX + 11);
    let (crowded, more) = purchases.split_at(WAITERS_MAX);
    let mut waiting = crowd(&fixture, crowded).await;
    leave(waiting.split_off(WAITERS_MAX - 10)).await;

    // Ten places are free, for ten and not for eleven.
    waiting.extend(more[..10].iter().map(|purchase| wait(&fixture, purchase)));
    eventually("the ten wait", async || {
        let searches = fixture.spy.searches();
        let last = searches.last()?;
        let wait = more[..10].iter().all(|new| last.contains(&new.id));
        (wait && last.len() == WAITERS_MAX).then_some(())
    })
    .await;
    let started = Instant::now();
    let answer = fixture.get_preferring("wait=10", &path(&more[10])).await;
    assert_eq!(answer.said().0, Some("false"));
    assert!(started.elapsed() < Duration::from_millis(500));
    leave(waiting).await;
}

#[tokio::test]
async fn nobody_is_asked_for_once_all_have_left_and_the_next_one_is() {
    let fixture = fixture();
    for _ in 0..2 {
        let waiting = crowd(&fixture, &purchases(50)).await;
        leave(waiting).await;
        silent(&fixture).await;
    }
    let purchase = sample::purchase("ada");
    let waiting = crowd(&fixture, std::slice::from_ref(&purchase)).await;
    fixture.store(std::slice::from_ref(&purchase)).await;
    for client in waiting {
        assert_eq!(client.await.unwrap().said().0, Some("true"));
    }
    silent(&fixture).await;
}

#[tokio::test]
async fn those_who_were_answered_are_not_asked_for_again() {
    let fixture = fixture();
    let purchases = purchases(10);
    let mut waiting = crowd(&fixture, &purchases).await;
    fixture.store(&purchases[..7]).await;
    for client in waiting.drain(..7) {
        assert_eq!(client.await.unwrap().said().0, Some("true"));
    }
    asked_for(&fixture, 3).await;
    leave(waiting).await;
}

#[tokio::test]
async fn connection_that_closes_ends_its_wait() {
    let fixture = fixture();
    let app = fixture.serve().await;
    let purchases = purchases(20);
    let mut connections = Vec::new();
    for purchase in &purchases {
        let mut stream = TcpStream::connect(app.address).await.unwrap();
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: a\r\nPrefer: wait=10\r\n\r\n",
            path(purchase)
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        connections.push(stream);
    }
    asked_for(&fixture, purchases.len()).await;
    let started = Instant::now();
    drop(connections);
    silent(&fixture).await;
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "they waited to the end"
    );
    app.stop().await;
}

#[tokio::test]
async fn search_that_panics_does_not_end_the_asking_for_good() {
    let fixture = fixture();
    fixture.spy.panic_once();
    let first = wait(&fixture, &sample::purchase("ada"));
    eventually("the panic", async || {
        (!fixture.spy.searches().is_empty()).then_some(())
    })
    .await;
    leave(vec![first]).await;

    // Somebody who comes later, as long as the process lives.
    let purchase = sample::purchase("bob");
    fixture.store(std::slice::from_ref(&purchase)).await;
    let started = Instant::now();
    let answer = fixture.get_preferring("wait=1", &path(&purchase)).await;
    assert_eq!(answer.said().0, Some("true"), "{}", answer.body);
    assert!(started.elapsed() < Duration::from_millis(500));
}
