//! A list holds what its owner bought, all of it, newest first, and shows it in one shape.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

mod support;

use std::sync::Arc;

use purchase::{Item, Price, Purchase, Timestamp, Username};
use query::{HINT, Query};
use serve::App;
use support::spy::INTERNALS;
use support::{fixture, get, listed};
use testkit::sample::{self, NOON_MS};

#[tokio::test]
async fn unknown_user_has_an_empty_list() {
    let fixture = fixture();
    fixture.store(&[sample::purchase("ada")]).await;
    for path in ["/getAllUserBuys/bob", "/purchases/bob"] {
        for query in ["", "?limit=5"] {
            let answer = fixture.get(&format!("{path}{query}")).await;
            assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, "[]"));
            assert_eq!(answer.header("content-type"), Some("application/json"));
            assert_eq!(answer.header("link"), None);
        }
    }
}

#[tokio::test]
async fn list_is_newest_first_and_equally_old_purchases_go_by_id() {
    let fixture = fixture();
    // Stored in an order that is neither that of the times nor that of the ids.
    let purchases: Vec<_> = [0, 5, -1_000, 5, 0, 3_600_000, 0]
        .map(|offset| sample::at("ada", NOON_MS + offset))
        .into();
    fixture.store(&purchases).await;
    fixture.store(&[sample::at("bob", NOON_MS + 1)]).await;

    let ids = fixture.get("/getAllUserBuys/ada").await.ids();
    assert_eq!(ids, listed(&purchases));
    assert_eq!(ids[0], purchases[5].id);
    assert_eq!(ids[6], purchases[2].id);
}

fn make(id: u8, price: &str, item: Option<&str>, timestamp: &str) -> Purchase {
    Purchase {
        id: format!("01936f2e-8a3c-7b41-9c55-1f0e6d2a7b{id:02}")
            .parse()
            .unwrap(),
        price: Price::parse(price).unwrap(),
        item: item.map(|item| Item::parse(item).unwrap()),
        timestamp: Timestamp::parse(timestamp).unwrap(),
        ..sample::purchase("ada")
    }
}

#[tokio::test]
async fn item_of_a_list_looks_like_this() {
    let fixture = fixture();
    let quoted = Purchase {
        username: Username::parse("Zoë \"the 🛒\" \\ <b>").unwrap(),
        ..make(13, "12.50", Some("a\"b"), "2026-01-31T12:00:00.1Z")
    };
    fixture
        .store(&[
            make(10, "0.000001", Some("tea"), "2026-01-31T12:00:00Z"),
            make(11, "999999999999999", None, "2026-01-31T13:00:00.120+01:00"),
            make(12, "1e3", Some("🍵"), "1969-12-31T23:59:59.999Z"),
            quoted,
            make(14, "123456789.012345", None, "9999-12-31T23:59:59.999Z"),
        ])
        .await;
    let answer = fixture.get("/getAllUserBuys/ada").await;
    insta::assert_snapshot!(answer.body.replace("},{", "},\n{"));
    // The same text page by page and for everyone.
    assert_eq!(
        fixture.get("/getAllUserBuys/ada?limit=9").await.body,
        answer.body
    );
    assert_eq!(fixture.get("/purchases").await.body, answer.body);
}

#[tokio::test]
async fn list_of_everyone_is_the_newest_500_by_default() {
    let fixture = fixture();
    let purchases: Vec<_> = (0..501)
        .map(|n| sample::at(["ada", "bob", "eve"][n % 3], NOON_MS + n as i64 / 2))
        .collect();
    fixture.store(&purchases).await;
    let order = listed(&purchases);

    let newest = fixture.get("/purchases").await;
    assert_eq!(newest.ids(), order[..500]);
    let next = newest.header("link").expect("501 are more than a page");
    let (uri, _) = next.trim_start_matches('<').split_once('>').unwrap();
    let rest = fixture.get(&format!("/purchases{uri}")).await;
    assert_eq!(rest.ids(), order[500..]);
    assert_eq!(rest.header("link"), None);

    assert_eq!(fixture.get("/purchases?limit=3").await.ids(), order[..3]);
    assert_eq!(fixture.get("/purchases?limit=1000").await.ids(), order);
}

#[tokio::test]
async fn both_paths_of_a_user_give_the_same_list() {
    let fixture = fixture();
    let purchases: Vec<_> = (0..30)
        .map(|n| sample::at("ada", NOON_MS + n / 3))
        .collect();
    fixture.store(&purchases).await;
    let id = purchases[0].id;
    for query in [
        String::new(),
        "?limit=7".to_owned(),
        "?limit=0".to_owned(),
        format!("?contains={id}"),
    ] {
        let public = fixture.get(&format!("/getAllUserBuys/ada{query}")).await;
        let inner = fixture.get(&format!("/purchases/ada{query}")).await;
        assert_eq!(public.status, inner.status);
        assert_eq!(public.headers, inner.headers);
        assert_eq!(public.body, inner.body);
    }
}

#[tokio::test]
async fn public_routes_do_not_answer_for_the_neighbours() {
    let fixture = fixture();
    fixture.store(&[sample::purchase("ada")]).await;
    let reader: Arc<_> = fixture.spy.clone();
    let public = App::new("query", HINT, query::public_routes(Query::new(reader))).build();
    for path in [
        "/purchases",
        "/purchases/",
        "/purchases/ada",
        "/purchases?limit=1",
    ] {
        let answer = get(&public, path, &[]).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(
            answer
                .problem()
                .contains("There is nothing at this address.")
        );
    }
    assert_eq!(
        get(&public, "/getAllUserBuys/ada", &[]).await.ids().len(),
        1
    );
    assert_eq!(fixture.spy.lists(), 1, "a 404 asks the store for nothing");
}

#[tokio::test]
async fn store_that_is_away_is_a_503_problem_without_internals() {
    let fixture = fixture();
    fixture.store(&[sample::purchase("ada")]).await;
    fixture.spy.fail_lists_after(0);
    let mut bodies = Vec::new();
    for uri in [
        "/getAllUserBuys/ada",
        "/getAllUserBuys/ada?limit=5",
        "/purchases",
        "/purchases/ada",
    ] {
        let answer = fixture.get(uri).await;
        assert_eq!(answer.status, 503, "{uri}");
        assert_eq!(answer.header("retry-after"), Some("2"), "{uri}");
        assert!(!answer.body.contains(INTERNALS), "{}", answer.body);
        bodies.push(answer.problem());
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    insta::assert_snapshot!(bodies[0]);
}

#[tokio::test]
async fn summary_has_exact_sums_by_item_and_by_day() {
    let fixture = fixture();
    let empty = fixture.get("/getAllUserBuys/ada?summary=true").await;
    assert_eq!(
        empty.body,
        r#"{"count":0,"total":0,"byItem":[],"byDay":[]}"#
    );
    fixture
        .store(&[
            make(1, "0.1", Some("tea"), "2026-01-31T23:59:59.999Z"),
            make(2, "0.2", Some("tea"), "2026-02-01T00:00:00.000Z"),
            make(3, "999999999999999", None, "2026-02-01T12:00:00.000Z"),
        ])
        .await;
    for path in ["getAllUserBuys", "purchases"] {
        let answer = fixture.get(&format!("/{path}/ada?summary=true")).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(
            answer.body,
            r#"{"count":3,"total":999999999999999.3,"byItem":[{"count":1,"total":999999999999999},{"item":"tea","count":2,"total":0.3}],"byDay":[{"day":"2026-01-31","count":1,"total":0.1},{"day":"2026-02-01","count":2,"total":999999999999999.2}]}"#
        );
    }
    let list = fixture.get("/getAllUserBuys/ada?summary=false").await;
    assert_eq!(list.ids().len(), 3);
}

#[tokio::test]
async fn what_is_neither_true_nor_false_asks_for_no_summary() {
    let fixture = fixture();
    for (query, message) in [
        ("summary=yes", "must be true or false"),
        ("summary=true&summary=true", "must be given once"),
    ] {
        let answer = fixture.get(&format!("/getAllUserBuys/ada?{query}")).await;
        assert_eq!(answer.status, 400, "{query}");
        assert!(answer.problem().contains(message), "{}", answer.body);
    }
}
