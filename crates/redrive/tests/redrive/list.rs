//! What `list` shows.

use purchase::event::{RAW_TYPE, Reason, TYPE};
use redrive::{Content, Letter};
use serde_json::Value;

use crate::world::{World, event, letter, of_event, purchase};

const JSON: &[u8] = br#"{"username":"Ada","userid":"ada","price":1}"#;

/// One of each kind.
fn letters() -> Vec<Letter> {
    let unreadable = Letter {
        content: Content::Bytes {
            bytes: b"no \x1b[31mevent".to_vec(),
            why: "malformed: it is no event".to_owned(),
        },
        detail: "it \x1b[31mdied".to_owned(),
        ..letter(&purchase("x", 0), Reason::Malformed, 50)
    };
    let lost = Letter {
        content: Content::Attributes {
            event: None,
            why: "its bytes are lost".to_owned(),
        },
        origin: Some("purchases/2/41".to_owned()),
        key: Some("ada".to_owned()),
        ..letter(&purchase("x", 0), Reason::TooLarge, 45)
    };
    vec![
        letter(&purchase("ada", 1), Reason::RetriesExhausted, 10),
        letter(&purchase("ada", 2), Reason::RetriesExhausted, 20),
        letter(&purchase("bob", 3), Reason::Conflict, 5),
        letter(&purchase("bob", 4), Reason::Conflict, 6),
        of_event(
            event("order.made", "/shop", "7", JSON),
            Reason::UnknownType,
            30,
        ),
        of_event(event(TYPE, "/shop", "8", b"{"), Reason::Malformed, 40),
        of_event(
            event(TYPE, "/user-buy-list/buy", "8", JSON),
            Reason::Invalid,
            41,
        ),
        unreadable,
        lost,
        letter(&purchase("ada", 1), Reason::Invalid, 60),
    ]
}

fn world() -> World {
    let mut world = World::new(letters());
    let [stored, other] = [purchase("ada", 2), purchase("somebody", 4)];
    world
        .stored
        .extend([stored, other].map(|purchase| (purchase.id, purchase)));
    world
}

#[tokio::test]
async fn every_event_has_a_line_newest_first_and_all_of_them_are_counted() {
    let (said, done) = world().run("list").await;
    done.unwrap();
    insta::assert_snapshot!(said);
}

#[tokio::test]
async fn the_same_is_there_for_other_programs() {
    let (said, done) = world().run("list --json").await;
    done.unwrap();
    let lines: Vec<Value> = said
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 9);
    let first = lines.iter().find(|line| line["letters"] == 2).unwrap();
    insta::assert_snapshot!(first);
}

#[tokio::test]
async fn an_empty_list_says_so() {
    let (said, done) = World::new([]).run("list").await;
    done.unwrap();
    assert_eq!(said, "0 events in 0 dead letters\n");
}

#[tokio::test]
async fn a_filter_takes_what_fits_in_every_respect() {
    let world = world();
    let nth = |nth: u8| purchase("x", nth).id.to_string();
    for (filter, expected) in [
        ("--reason conflict", vec![nth(3), nth(4)]),
        ("--reason conflict --until 330s", vec![nth(4)]),
        (
            "--user ada",
            vec![nth(1), nth(2), "purchases/2/41".to_owned()],
        ),
        (
            "--user ada --reason retries-exhausted --since 15m",
            vec![nth(1)],
        ),
        // Its newest letter has another reason.
        ("--reason invalid --user ada", vec![]),
        ("--since 2026-01-31T11:54:00Z", vec![nth(3), nth(4)]),
        (
            "--until 2026-01-31T11:15:00.001Z --reason too-large",
            vec!["purchases/2/41".to_owned()],
        ),
        ("--until 2026-01-31T11:15:00Z --reason too-large", vec![]),
        ("--user nobody", vec![]),
    ] {
        let (said, done) = world.run(&format!("list --json {filter}")).await;
        done.unwrap();
        let line = |line: &str| serde_json::from_str::<Value>(line).unwrap()["id"].clone();
        let ids: Vec<Value> = said.lines().map(line).collect();
        assert_eq!(ids, expected, "{filter}");
    }
}

#[tokio::test]
async fn letters_of_one_raw_record_are_of_one_event_by_whichever_road_it_died() {
    let wrapped = |source: &str, data| {
        let event = event(RAW_TYPE, source, "partition:2/offset:41", data);
        of_event(event, Reason::Invalid, 1)
    };
    let world = World::new([
        wrapped("/user-buy-list/redrive#purchases", JSON),
        wrapped("/apis/v1/namespaces/a/kafkasources/b#purchases", JSON),
        // Nobody can read it, and it is the same record all the same.
        wrapped("/user-buy-list/redrive#purchases", b"{"),
        wrapped("/user-buy-list/redrive#another", JSON),
    ]);
    let (said, done) = world.run("list --json").await;
    done.unwrap();
    let letters: Vec<_> = said
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["letters"].clone())
        .collect();
    assert_eq!(letters.len(), 2, "{said}");
    assert!(letters.contains(&3.into()), "{said}");
}

#[tokio::test]
async fn letters_that_cannot_be_read_are_an_error_and_never_a_shorter_list() {
    for reading in [0, 1] {
        let mut world = world();
        world.breaks = Some((reading, 2));
        let (said, done) = world.run("list").await;
        assert_eq!(said, "");
        assert_eq!(
            done.unwrap_err().to_string(),
            "cannot read the dead letters"
        );
    }
}
