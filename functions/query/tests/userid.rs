//! Every user id has its own list, whatever a path could take it for.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

mod support;

use purchase::Purchase;
use support::{Fixture, fixture, ids};
use testkit::raw;
use testkit::sample::{self, HOSTILE_USER_IDS};

/// Neighbours of the hostile ones: what they become when they are decoded, cut or cleaned once too often.
const NEIGHBOURS: [&str; 9] = [
    "a",
    "a?b",
    "a;b",
    "etc/passwd",
    "passwd",
    "ada",
    "..%252f",
    "../",
    "%2F",
];

/// Every byte as `%XX`.
fn encoded(userid: &str) -> String {
    userid.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// As `encodeURIComponent` of a browser does it.
fn encoded_by_a_browser(userid: &str) -> String {
    let kept = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte);
    let piece = |byte: u8| match kept(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    userid.bytes().map(piece).collect()
}

/// As it is but for what cannot be in a path.
fn barely_encoded(userid: &str) -> String {
    let piece = |byte: u8| match byte {
        b'!'..=b'~' if !b"%?#\"<>\\^`{|}".contains(&byte) => char::from(byte).to_string(),
        _ => format!("%{byte:02x}"),
    };
    userid.bytes().map(piece).collect()
}

/// Two purchases for each of them.
async fn crowd(fixture: &Fixture) -> Vec<Purchase> {
    let all = HOSTILE_USER_IDS.iter().chain(&NEIGHBOURS);
    let purchases: Vec<_> = all
        .flat_map(|userid| [sample::at(userid, 0), sample::at(userid, 1)])
        .collect();
    fixture.store(&purchases).await;
    purchases
}

#[tokio::test]
async fn hostile_user_ids_are_listed_exactly() {
    let fixture = fixture();
    let purchases = crowd(&fixture).await;
    let app = fixture.serve().await;
    for own in purchases.chunks(2) {
        let userid = own[0].userid.as_str();
        for path in ["getAllUserBuys", "purchases"] {
            for raw in [
                encoded(userid),
                encoded_by_a_browser(userid),
                barely_encoded(userid),
            ] {
                let request =
                    format!("GET /{path}/{raw} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
                let answer = raw::exchange(app.address, request.as_bytes()).await;
                let answer = String::from_utf8(answer).unwrap();
                let (head, body) = answer.split_once("\r\n\r\n").unwrap();
                assert!(
                    head.starts_with("HTTP/1.1 200 OK"),
                    "/{path}/{raw}: {answer}"
                );
                let listed = ids(body.as_bytes());
                assert_eq!(listed, [own[1].id, own[0].id], "{userid} as /{path}/{raw}");
                let items: Vec<serde_json::Value> = serde_json::from_str(body).unwrap();
                assert!(items.iter().all(|item| item["userid"] == userid));
            }
        }
    }
    app.stop().await;
}

#[tokio::test]
async fn what_nobody_is_called_has_an_empty_list() {
    let fixture = fixture();
    crowd(&fixture).await;
    for raw in [
        "A",
        "ada%20",
        "%20ada",
        "ada/",
        "/ada",
        "%00",
        "ad%61%00",
        "*",
        "_",
        ".",
        "..",
        "%2e%2e",
        "%25252F",
        "%zz",
        "a%2fB",
        "a%2500",
        "Zaz%CC%87o",
        "%20",
        "%09%20",
    ] {
        let answer = fixture.get(&format!("/getAllUserBuys/{raw}")).await;
        assert_eq!(
            (answer.status.as_u16(), answer.body.as_str()),
            (200, "[]"),
            "{raw}"
        );
    }
}

#[tokio::test]
async fn path_that_is_not_utf8_is_a_400_problem() {
    let fixture = fixture();
    crowd(&fixture).await;
    let mut problems = Vec::new();
    for raw in ["%ff", "ada%C3", "a%ED%A0%80"] {
        for path in ["getAllUserBuys", "purchases"] {
            let answer = fixture.get(&format!("/{path}/{raw}")).await;
            assert_eq!(answer.status, 400, "{raw}");
            problems.push(answer.problem());
        }
    }
    problems.dedup();
    assert_eq!(fixture.spy.lists(), 0);
    insta::assert_snapshot!(problems.join("\n"));
}
