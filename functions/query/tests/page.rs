//! A list in pages: every purchase once, and no parameter is misread.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

mod support;

use purchase::{Purchase, PurchaseId};
use reqwest::{Client, Url};
use support::{Answer, fixture, ids, listed};
use testkit::app::client;
use testkit::sample::{self, NOON_MS};

/// Follows `Link` headers as a client would, by resolving them against the address they came from.
async fn pages(client: &Client, first: &str) -> Vec<Vec<PurchaseId>> {
    let mut url = Url::parse(first).unwrap();
    let mut pages = Vec::new();
    loop {
        assert!(pages.len() < 100, "the links of {first} have no end");
        let response = client.get(url.clone()).send().await.unwrap();
        assert_eq!(response.status(), 200);
        let link = response.headers().get("link").cloned();
        pages.push(ids(&response.bytes().await.unwrap()));
        let Some(link) = link else { return pages };
        let link = link.to_str().unwrap();
        let target = link
            .strip_prefix('<')
            .and_then(|link| link.strip_suffix(">; rel=\"next\""))
            .unwrap_or_else(|| panic!("not a link to a next page: {link}"));
        url = url.join(target).unwrap();
    }
}

fn equally_old(count: usize) -> Vec<Purchase> {
    (0..count).map(|_| sample::purchase("ada")).collect()
}

#[tokio::test]
async fn fifty_equally_old_purchases_in_pages_of_seven_come_once_each() {
    let fixture = fixture();
    let purchases = equally_old(50);
    fixture.store(&purchases).await;
    // Others before, behind and among them, which no page of ada's may show.
    for offset in [-1, 0, 1] {
        let others: Vec<_> = (0..9)
            .map(|_| sample::at("bob", NOON_MS + offset))
            .collect();
        fixture.store(&others).await;
    }
    let app = fixture.serve().await;
    for path in ["getAllUserBuys", "purchases"] {
        let pages = pages(&client(), &format!("{}/{path}/ada?limit=7", app.url)).await;
        let lengths: Vec<_> = pages.iter().map(Vec::len).collect();
        assert_eq!(lengths, [7, 7, 7, 7, 7, 7, 7, 1]);
        assert_eq!(pages.concat(), listed(&purchases));
    }
    app.stop().await;
}

#[tokio::test]
async fn pages_of_any_length_hold_every_purchase_once() {
    let fixture = fixture();
    let purchases: Vec<_> = (0..30)
        .map(|n| sample::at("ada", NOON_MS + [0, 0, 1, 7, 0, -3][n % 6]))
        .collect();
    fixture.store(&purchases).await;
    let app = fixture.serve().await;
    for limit in [1, 2, 3, 15, 29, 30, 31, 1_000] {
        let pages = pages(&client(), &format!("{}/purchases?limit={limit}", app.url)).await;
        assert_eq!(pages.concat(), listed(&purchases));
        assert_eq!(pages.len(), 30_usize.div_ceil(limit), "pages of {limit}");
    }
    app.stop().await;
}

#[tokio::test]
async fn purchase_made_between_two_pages_shifts_nothing() {
    let fixture = fixture();
    let purchases = equally_old(10);
    fixture.store(&purchases).await;
    let first = fixture.get("/getAllUserBuys/ada?limit=4").await;
    fixture.store(&[sample::at("ada", NOON_MS + 1)]).await;
    let second = fixture.get(&next(&first).unwrap()).await;
    assert_eq!(
        [first.ids(), second.ids()].concat(),
        listed(&purchases)[..8]
    );
}

/// Where the next page of ada's list is.
fn next(answer: &Answer) -> Option<String> {
    let link = answer.header("link")?;
    let (target, rel) = link.strip_prefix('<')?.split_once('>')?;
    assert_eq!(rel, "; rel=\"next\"");
    Some(format!("/getAllUserBuys/ada{target}"))
}

#[tokio::test]
async fn link_names_cursor_and_limit_and_is_absent_on_the_last_page() {
    let fixture = fixture();
    let purchases = equally_old(21);
    fixture.store(&purchases).await;
    let order = listed(&purchases);

    let first = fixture.get("/getAllUserBuys/ada?limit=7").await;
    let expected = format!("<?cursor={NOON_MS}~{}&limit=7>; rel=\"next\"", order[6]);
    assert_eq!(first.header("link"), Some(expected.as_str()));
    let second = fixture.get(&next(&first).unwrap()).await;
    let third = fixture.get(&next(&second).unwrap()).await;
    assert_eq!(third.ids(), order[14..]);
    assert_eq!(third.header("link"), None, "21 is a multiple of 7");

    for limit in [21, 22, 1_000] {
        let all = fixture
            .get(&format!("/getAllUserBuys/ada?limit={limit}"))
            .await;
        assert_eq!(all.header("link"), None, "limit {limit}");
    }
    assert!(next(&fixture.get("/getAllUserBuys/ada?limit=20").await).is_some());
    assert_eq!(
        fixture.get("/getAllUserBuys/ada").await.header("link"),
        None
    );
}

#[tokio::test]
async fn cursor_without_limit_gives_all_the_rest() {
    let fixture = fixture();
    let purchases = equally_old(1_200);
    fixture.store(&purchases).await;
    let order = listed(&purchases);
    for seen in [1, 7, 199, 200, 699, 700, 701, 1_199, 1_200] {
        let uri = format!("/getAllUserBuys/ada?cursor={NOON_MS}~{}", order[seen - 1]);
        let answer = fixture.get(&uri).await;
        assert_eq!(answer.ids(), order[seen..], "after {seen}");
        assert_eq!(answer.header("link"), None);
    }
}

#[tokio::test]
async fn bad_limit_or_cursor_is_a_400_problem_that_names_it() {
    let fixture = fixture();
    let id = sample::purchase("ada").id;
    let cursor = format!("{NOON_MS}~{id}");
    let mut problems: Vec<(String, String)> = Vec::new();
    for query in [
        "limit=0",
        "limit=1001",
        "limit=-1",
        "limit=x",
        "limit=",
        "limit=1.5",
        "limit=99999999999999999999999",
        "limit=5&limit=5",
        "cursor=",
        "cursor=x",
        "cursor=1769860800000",
        "cursor=1769860800000~x",
        "cursor=%ff",
        "cursor=99999999999999999~ID",
        "cursor=CURSOR&cursor=CURSOR",
    ] {
        let uri = query
            .replace("CURSOR", &cursor)
            .replace("ID", &id.to_string());
        let mut texts = Vec::new();
        for path in ["/getAllUserBuys/ada", "/purchases/ada", "/purchases"] {
            let answer = fixture.get(&format!("{path}?{uri}")).await;
            assert_eq!(answer.status, 400, "{path}?{uri}");
            texts.push(answer.problem());
        }
        texts.dedup();
        assert_eq!(texts.len(), 1, "{texts:?}");
        let problem: serde_json::Value = serde_json::from_str(&texts[0]).unwrap();
        let name = query.split('=').next().unwrap();
        assert_eq!(problem["errors"][0]["field"], name, "{problem}");
        // Equal answers are shown once, under all that they answer.
        match problems.last_mut() {
            Some((queries, problem)) if *problem == texts[0] => {
                queries.push('\n');
                queries.push_str(query);
            }
            _ => problems.push((query.to_owned(), texts.remove(0))),
        }
    }
    let shown: Vec<_> = problems
        .iter()
        .map(|(queries, problem)| format!("{queries}\n  {problem}"))
        .collect();
    insta::assert_snapshot!(shown.join("\n"));
    assert_eq!(
        fixture.spy.lists(),
        0,
        "a bad request asks the store for nothing"
    );
}
