//! What `show` shows.

use purchase::event::{Reason, TYPE};
use redrive::{Content, Letter};

use crate::world::{World, event, letter, of_event, purchase};

#[tokio::test]
async fn everything_is_shown_and_nothing_is_obeyed_by_the_terminal() {
    let data = b"{\"username\":\"A\x1b[2Jda\",\n \"item\":\"\xe2\x80\xaetea\", \"price\": \xff}";
    let mut hostile = event(TYPE, "/shop", "7\u{202e}", data);
    hostile.set_extension("who", "a\r\nb");
    let hostile = Letter {
        detail: "it\u{9b}2J died".to_owned(),
        origin: Some("purchases/2/41".to_owned()),
        key: Some("a\tda".to_owned()),
        ..of_event(hostile, Reason::Malformed, 0)
    };
    let mut earlier = hostile.clone();
    earlier.died_at = purchase::Timestamp::EPOCH;
    let world = World::new([earlier, hostile]);
    let (list, _) = world.run("list").await;
    let id = list.lines().nth(1).unwrap().split(' ').next().unwrap();
    let (said, done) = world.run(&format!("show {id}")).await;
    done.unwrap();
    assert!(!said.replace('\n', "").contains(char::is_control));
    insta::assert_snapshot!(said);
}

#[tokio::test]
async fn what_is_no_event_is_shown_as_its_bytes() {
    let bytes = b"no \x00 event".to_vec();
    let why = "malformed: it is no event".to_owned();
    let letter = Letter {
        content: Content::Bytes { bytes, why },
        ..letter(&purchase("ada", 1), Reason::Malformed, 0)
    };
    let (said, done) = World::new([letter]).run("show letters/0").await;
    done.unwrap();
    insta::assert_snapshot!(said);
}

#[tokio::test]
async fn an_id_that_no_letter_has_is_an_error_that_names_it() {
    let (said, done) = World::new([]).run("show \x1bnothing").await;
    assert_eq!(said, "");
    assert_eq!(
        done.unwrap_err().to_string(),
        "no dead letter is about \\u{1b}nothing; `redrive list` shows what there is"
    );
}
