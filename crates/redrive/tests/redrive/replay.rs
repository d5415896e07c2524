//! What `replay` does, and how often.

use std::collections::BTreeSet;
use std::future::pending;
use std::sync::atomic::Ordering;

use purchase::event::{RAW_TYPE, Reason};
use purchase::{AppendError, PortError, Purchase};
use redrive::{Letter, RedriveError};
use testkit::eventually;
use tokio::sync::{Notify, Semaphore};

use crate::world::{Said, World, event, letter, of_event, purchase};

fn exhausted(nth: u8) -> Letter {
    letter(&purchase("ada", nth), Reason::RetriesExhausted, 1)
}

fn ids(nths: impl IntoIterator<Item = u8>) -> Vec<String> {
    let id = |nth| purchase("x", nth).id.to_string();
    nths.into_iter().map(id).collect()
}

#[tokio::test]
async fn a_dry_run_writes_nothing_and_says_what_would_be_written() {
    let mut world = World::new((0..4).map(exhausted).chain([letter(
        &purchase("bob", 9),
        Reason::Conflict,
        1,
    )]));
    let stored = purchase("ada", 0);
    world.stored.insert(stored.id, stored);
    let (said, done) = world.run("replay").await;
    done.unwrap();
    assert_eq!(world.appended(), ids([]));
    insta::assert_snapshot!(said);
}

#[tokio::test]
async fn each_event_is_written_once_and_a_second_run_finds_them_resolved() {
    let mut world = World::new((0..10).map(exhausted).chain((0..10).map(exhausted)));
    let (said, done) = world.run("replay --execute").await;
    done.unwrap();
    assert!(said.starts_with("replayed 10 of 10 events\n"), "{said}");
    assert_eq!(world.appended(), ids(0..10));
    world.deliver();
    let (said, done) = world.run("replay --execute").await;
    done.unwrap();
    assert_eq!(world.appended(), ids([]));
    insta::assert_snapshot!(said);
}

#[tokio::test]
async fn what_is_written_has_the_user_as_key_and_nothing_of_its_death() {
    let mut died = event(
        "dev.userbuylist.purchase.recorded.v1",
        "/shop",
        "7",
        br#"{"username":"Ada","userid":"ada","price":1}"#,
    );
    died.set_extension("who", "me");
    let before = died.clone();
    for (name, value) in [
        ("knativeerrordest", "http://storer/"),
        ("knativeerrorcode", "503"),
        ("knativeerrordata", "e30="),
        ("knativekafkaoffset", "41"),
        ("reason", "invalid"),
    ] {
        died.set_extension(name, value);
    }
    let world = World::new([of_event(died, Reason::RetriesExhausted, 1)]);
    world.run("replay --execute").await.1.unwrap();
    let appended = world.log.appended.lock().unwrap();
    assert_eq!(*appended, [("ada".to_owned(), before)]);
}

#[tokio::test]
async fn conflict_and_malformed_are_replayed_only_when_included_and_only_what_can_be_stored() {
    let broken = |reason| of_event(event("other", "/shop", "7", b"{}"), reason, 1);
    let letters = || {
        vec![
            letter(&purchase("ada", 1), Reason::Conflict, 1),
            letter(&purchase("ada", 2), Reason::Malformed, 1),
            letter(&purchase("ada", 3), Reason::Conflict, 1),
            // After an upgrade these are understood; the last one is still not.
            letter(&purchase("ada", 4), Reason::UnknownType, 1),
            letter(&purchase("ada", 5), Reason::Invalid, 1),
            letter(&purchase("ada", 6), Reason::TooLarge, 1),
            broken(Reason::Malformed),
        ]
    };
    for (include, expected) in [
        ("", ids([4, 5, 6])),
        (" --include conflict", ids([1, 4, 5, 6])),
        (" --include malformed", ids([2, 4, 5, 6])),
        (
            " --include malformed --include conflict",
            ids([1, 2, 4, 5, 6]),
        ),
    ] {
        let mut world = World::new(letters());
        // What took its id is still there: it would only be a conflict again.
        let other = Purchase {
            item: None,
            ..purchase("ada", 3)
        };
        world.stored.insert(other.id, other);
        let (said, done) = world.run(&format!("replay --execute{include}")).await;
        done.unwrap();
        assert_eq!(world.appended(), expected, "{include}: {said}");
    }
}

#[tokio::test]
async fn only_what_the_filter_takes_is_replayed() {
    let world = World::new((0..5).map(exhausted));
    let [third] = <[String; 1]>::try_from(ids([3])).unwrap();
    let (said, done) = world.run(&format!("replay --execute --id {third}")).await;
    done.unwrap();
    assert!(said.starts_with("replayed 1 of 1 event\n"), "{said}");
    assert_eq!(world.appended(), [third]);
}

#[tokio::test]
async fn a_raw_record_goes_back_with_its_place_and_its_old_price() {
    let old = br#"{"username":"Ada","userid":42,"price":-1e300}"#;
    let raw = event(RAW_TYPE, "/x#purchases", "partition:2/offset:41", old);
    let world = World::new([of_event(raw, Reason::RetriesExhausted, 1)]);
    let (said, done) = world.run("replay --execute").await;
    done.unwrap();
    assert!(said.starts_with("replayed 1 of 1 event\n"), "{said}");
    let id = &world.appended()[0];
    assert!(world.run("list").await.0.contains(id));
    assert_eq!(world.log.appended.lock().unwrap()[0].0, "42");
}

#[tokio::test]
async fn no_more_are_on_their_way_at_once_than_allowed() {
    for (option, most) in [("", 64), (" --in-flight 7", 7)] {
        let world = World::new((0..200).map(exhausted));
        world
            .run(&format!("replay --execute{option}"))
            .await
            .1
            .unwrap();
        assert_eq!(world.log.waiting_most.load(Ordering::Relaxed), most);
        assert_eq!(world.appended().len(), 200);
    }
}

#[tokio::test]
async fn a_stop_waits_for_what_is_on_its_way_and_begins_nothing() {
    let mut world = World::new((0..100).map(exhausted));
    world.log.room = Semaphore::new(10);
    let (stop, out, progress) = (Notify::new(), Said::default(), Said::default());
    let run = world.run_until(
        "replay --execute --in-flight 8",
        stop.notified(),
        &out,
        &progress,
    );
    let interrupt = async {
        eventually("a full way", async || {
            let appended = world.log.appended.lock().unwrap().len();
            let waiting = world.log.waiting.load(Ordering::Relaxed);
            (appended == 10 && waiting == 8).then_some(())
        })
        .await;
        stop.notify_one();
        // Nobody is told anything before the log has spoken.
        tokio::task::yield_now().await;
        assert_eq!(out.text(), "");
        world.log.room.add_permits(100);
    };
    let (done, ()) = tokio::join!(run, interrupt);
    assert_eq!(world.appended().len(), 18);
    let said = out.text();
    assert!(
        said.starts_with("interrupted: replayed 18 of 100 events\n"),
        "{said}"
    );
    assert_eq!(
        done.unwrap_err().to_string(),
        "replayed 18 and left 82 behind; running it again is safe"
    );
    world.deliver();
    world.run("replay --execute").await.1.unwrap();
    assert_eq!(world.appended().len(), 82);
    world.deliver();
    assert_eq!(world.stored.len(), 100);
}

#[tokio::test]
async fn a_stop_while_letters_are_awaited_ends_it_at_once() {
    for (command, reading) in [
        ("list", 0),
        ("list", 1),
        ("show x", 0),
        ("replay --execute", 0),
    ] {
        let mut world = World::new((0..10).map(exhausted));
        (world.breaks, world.hangs) = (Some((reading, 1)), true);
        let (out, progress) = (Said::default(), Said::default());
        let stop = tokio::task::yield_now();
        let done = world.run_until(command, stop, &out, &progress).await;
        assert!(
            matches!(done, Err(RedriveError::Interrupted)),
            "{command}: {done:?}"
        );
        assert_eq!((out.text(), world.appended()), (String::new(), Vec::new()));
    }
}

#[tokio::test]
async fn one_event_that_the_log_refuses_holds_up_no_other() {
    let mut world = World::new((0..10).map(exhausted));
    let refuse = || AppendError::NotRecorded(PortError::permanent("it is too large"));
    world.log.refusals = ids([3])
        .into_iter()
        .map(|id| (id, refuse as fn() -> _))
        .collect();
    let (said, done) = world.run("replay --execute").await;
    let expected = (0..10).filter(|nth| *nth != 3);
    assert_eq!(world.appended(), ids(expected));
    assert!(
        matches!(
            done,
            Err(RedriveError::Incomplete {
                replayed: 9,
                left: 1
            })
        ),
        "{done:?}"
    );
    insta::assert_snapshot!(said);
}

#[tokio::test]
async fn a_log_that_went_away_is_not_asked_for_every_event() {
    let mut world = World::new((0..100).map(exhausted));
    let away = || AppendError::Unknown(PortError::transient("no acknowledgement"));
    world.log.refusals = ids(20..100)
        .into_iter()
        .map(|id| (id, away as fn() -> _))
        .collect();
    let (said, done) = world.run("replay --execute --in-flight 5").await;
    let Err(RedriveError::Incomplete { replayed, left }) = done else {
        panic!("{done:?}");
    };
    assert_eq!((replayed, left), (20, 80));
    let failed = said.lines().find(|line| line.contains(" failed ")).unwrap();
    let failed: usize = failed.split_whitespace().next().unwrap().parse().unwrap();
    assert!((1..=5).contains(&failed), "{said}");
    assert!(
        said.contains("unknown whether recorded: no acknowledgement"),
        "{said}"
    );
}

#[tokio::test]
async fn when_the_letters_go_away_meanwhile_what_was_begun_is_finished_and_told() {
    let mut world = World::new((0..30).map(exhausted));
    world.breaks = Some((1, 4));
    let (said, done) = world.run("replay --execute").await;
    assert_eq!(world.appended(), ids(0..12));
    assert!(
        said.starts_with("replayed 12 of 30 events\n18 not looked at\n"),
        "{said}"
    );
    assert!(matches!(done, Err(RedriveError::Letters(_))), "{done:?}");
}

#[tokio::test]
async fn progress_is_told_every_second() {
    let mut world = World::new((0..100).map(exhausted));
    world.log.room = Semaphore::new(42);
    let (out, progress) = (Said::default(), Said::default());
    let run = world.run_until("replay --execute --in-flight 1", pending(), &out, &progress);
    let watch = async {
        eventually("a line of progress", async || {
            (!progress.text().is_empty()).then_some(())
        })
        .await;
        world.log.room.add_permits(100);
    };
    let (done, ()) = tokio::join!(run, watch);
    done.unwrap();
    assert_eq!(progress.text(), "looked at 42 of 100 events, replayed 42\n");
    let replayed: BTreeSet<_> = world.appended().into_iter().collect();
    assert_eq!(replayed.len(), 100);
}
