//! `GET /getAllUserBuys/{userid}` and `GET /purchases`.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{raw, sample};
use tokio::time::Instant;

use crate::ask::{JSON, encoded, get, get_with, listed, post, purchase, say, stored};
use crate::site::Site;

/// Purchases of a user, one second after the other, in the order of the list.
async fn history(site: &Site, userid: &str, count: usize) -> Vec<Value> {
    let purchases = (0..count).map(|n| {
        let mut purchase = purchase(userid);
        purchase["timestamp"] = format!("2026-01-31T12:{:02}:{:02}.000Z", n / 60, n % 60).into();
        purchase
    });
    stored(site, purchases).await
}

fn array(list: &Value) -> &[Value] {
    list.as_array().unwrap()
}

pub(crate) async fn a_list_is_whole_newest_first_and_empty_for_a_stranger(site: &Site) {
    let userid = sample::fresh_user();
    let purchases = history(site, &userid, 120).await;
    for base in site.lists() {
        let list = get(&format!("{base}/getAllUserBuys/{userid}")).await;
        assert_eq!(
            (list.status, list.header("content-type")),
            (200, Some(JSON))
        );
        assert_eq!((list.header("link"), list.header("etag")), (None, None));
        assert_eq!(array(&list.json()), purchases);
        let stranger = get(&format!("{base}/getAllUserBuys/{}", sample::fresh_user())).await;
        assert_eq!((stranger.status, stranger.body.as_str()), (200, "[]"));
    }
    for base in site.readers() {
        let list = get(&format!("{base}/purchases/{userid}")).await;
        assert_eq!(array(&list.json()), purchases);
    }
}

pub(crate) async fn of_one_time_the_higher_id_is_first(site: &Site) {
    let userid = sample::fresh_user();
    let purchases = (0..20).map(|_| {
        let mut purchase = purchase(&userid);
        purchase["timestamp"] = "2026-01-31T12:00:00Z".into();
        purchase
    });
    let purchases = stored(site, purchases).await;
    for base in site.lists() {
        let list = get(&format!("{base}/getAllUserBuys/{userid}")).await;
        assert_eq!(array(&list.json()), purchases);
    }
}

pub(crate) async fn pages_follow_each_other_without_a_gap(site: &Site) {
    let userid = sample::fresh_user();
    let purchases = history(site, &userid, 17).await;
    for base in site.lists() {
        let list = reqwest::Url::parse(&format!("{base}/getAllUserBuys/{userid}?limit=5")).unwrap();
        let (mut url, mut all, mut pages) = (list.clone(), Vec::new(), 0);
        loop {
            let page = get(url.as_str()).await;
            let purchases = page.json();
            all.extend(array(&purchases).to_vec());
            pages += 1;
            let Some(link) = page.header("link") else {
                break;
            };
            assert_eq!(array(&purchases).len(), 5);
            let next = link
                .strip_prefix('<')
                .and_then(|link| link.strip_suffix(">; rel=\"next\""));
            // Relative, so that it resolves wherever the list was.
            assert!(next.unwrap().starts_with("?cursor="), "{link}");
            url = list.join(next.unwrap()).unwrap();
        }
        assert_eq!(pages, 4, "{base}");
        assert_eq!(all, purchases);
    }
}

pub(crate) async fn bad_conditions_are_refused_by_name(site: &Site) {
    let many: Vec<_> = (0..101)
        .map(|_| format!("contains={}", sample::STAMPED_ID))
        .collect();
    for base in site.lists() {
        for (query, name) in [
            ("limit=0", "limit"),
            ("limit=1001", "limit"),
            ("limit=ten", "limit"),
            ("limit=1&limit=2", "limit"),
            ("cursor=nowhere", "cursor"),
            ("contains=x", "contains"),
            (many.join("&").as_str(), "contains"),
            ("summary=perhaps", "summary"),
        ] {
            let answer = get(&format!("{base}/getAllUserBuys/ada?{query}")).await;
            assert!(answer.problem(400).contains(name), "{answer:?}");
            assert_eq!(answer.fields(), [name.to_owned()].into());
        }
        assert_eq!(
            get(&format!("{base}/getAllUserBuys/ada?limit=1000&other=x"))
                .await
                .status,
            200
        );
    }
}

pub(crate) async fn a_page_that_is_known_is_not_sent_again(site: &Site) {
    let userid = sample::fresh_user();
    history(site, &userid, 7).await;
    for base in site.lists() {
        let url = format!("{base}/getAllUserBuys/{userid}?limit=500");
        let tag = get(&url).await.header("etag").unwrap().to_owned();
        assert!(tag.starts_with('"') && tag.ends_with('"'), "strong: {tag}");
        let known = get_with(&url, &[("if-none-match", &format!("\"x\", {tag}"))]).await;
        assert_eq!((known.status, known.body.as_str()), (304, ""));
        assert_eq!(known.header("etag"), Some(&*tag));
        let other = get_with(&url, &[("if-none-match", "\"x\"")]).await;
        assert_eq!(other.status, 200);
        let csv = get_with(&url, &[("accept", "text/csv"), ("if-none-match", &tag)]).await;
        assert_eq!(csv.status, 200, "another form has another tag");
        for query in [
            "",
            "?limit=501",
            &format!("?limit=5&contains={}", sample::STAMPED_ID),
        ] {
            let list = get(&format!("{base}/getAllUserBuys/{userid}{query}")).await;
            assert_eq!((list.status, list.header("etag")), (200, None), "{query}");
        }
    }
}

pub(crate) async fn a_list_comes_in_the_form_that_is_asked_for(site: &Site) {
    let userid = format!("{}/ü", sample::fresh_user());
    let items = ["=1+1", "+a", "-a", "@a", "a,\"b\"", "日本"];
    let purchases = items.iter().map(|item| {
        let mut purchase = purchase(&userid);
        purchase["item"] = (*item).into();
        purchase
    });
    let purchases = stored(site, purchases).await;
    for base in site.lists() {
        let url = format!("{base}/getAllUserBuys/{}", encoded(&userid));
        let ndjson = get_with(&url, &[("accept", "application/x-ndjson")]).await;
        assert_eq!(ndjson.header("content-type"), Some("application/x-ndjson"));
        let lines = ndjson
            .body
            .lines()
            .map(|line| serde_json::from_str(line).unwrap());
        assert_eq!(lines.collect::<Vec<Value>>(), purchases);

        let csv = get_with(&url, &[("accept", "text/csv, application/json;q=0.5")]).await;
        assert!(
            csv.header("content-type")
                .unwrap()
                .starts_with("text/csv; charset=utf-8")
        );
        let name = csv.header("content-disposition").unwrap();
        let name = name
            .strip_prefix("attachment; filename=\"purchases-")
            .unwrap();
        let safe = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        assert!(
            name.strip_suffix(".csv\"").unwrap().chars().all(safe),
            "{name}"
        );
        let mut table = csv::Reader::from_reader(csv.body.as_bytes());
        let columns = ["id", "username", "userid", "item", "price", "timestamp"];
        assert_eq!(table.headers().unwrap().iter().collect::<Vec<_>>(), columns);
        let rows: Vec<_> = table.records().map(Result::unwrap).collect();
        assert_eq!(rows.len(), purchases.len());
        for (row, purchase) in rows.iter().zip(&purchases) {
            let text = |name: &str| purchase[name].as_str().unwrap().to_owned();
            let apostrophe = if text("item").starts_with(['=', '+', '-', '@']) {
                "'"
            } else {
                ""
            };
            let item = format!("{apostrophe}{}", text("item"));
            let expected = [
                text("id"),
                text("username"),
                text("userid"),
                item,
                "12.5".to_owned(),
                text("timestamp"),
            ];
            assert!(row.iter().eq(&expected), "{row:?}");
        }
        for answer in [&ndjson, &csv] {
            assert!(answer.header("vary").unwrap().contains("accept"));
        }
    }
}

pub(crate) async fn any_user_id_works_in_a_path(site: &Site) {
    for userid in sample::HOSTILE_USER_IDS {
        let mut told = Vec::new();
        for shop in site.shops() {
            let bought = post(&format!("{shop}/buy"), JSON, purchase(userid).to_string()).await;
            assert_eq!(bought.status, 201, "{userid}: {bought:?}");
            told.push(bought.header("location").unwrap().to_owned());
        }
        assert_eq!(
            listed(&site.query, userid, told.len()).await.len(),
            told.len()
        );
        for base in site.lists() {
            // Past any client that would tidy up the path.
            let path = base
                .splitn(4, '/')
                .nth(3)
                .map_or_else(String::new, |path| format!("/{path}"));
            let request = raw::head(&format!("GET {path}{}?limit=9", told[0]), &[]);
            let list = raw::body(&say(&base, &request).await);
            assert_eq!(array(&list).len(), told.len(), "{userid} at {base}");
            assert!(
                array(&list)
                    .iter()
                    .all(|purchase| purchase["userid"] == userid)
            );
        }
    }
}

pub(crate) async fn whoever_waits_is_told_when_it_is_stored(site: &Site) {
    let userid = sample::fresh_user();
    for base in site.lists() {
        let bought = post(
            &format!("{}/buy", site.buy),
            JSON,
            purchase(&userid).to_string(),
        )
        .await;
        let id = bought.json()["purchase"]["id"].as_str().unwrap().to_owned();
        let url = format!("{base}/getAllUserBuys/{userid}?contains={id}");
        let begun = Instant::now();
        let list = get_with(&url, &[("prefer", "wait=60")]).await;
        assert_eq!(list.header("contains"), Some("true"), "{list:?}");
        assert_eq!(list.header("preference-applied"), Some("wait=10"));
        assert!(
            begun.elapsed() < Duration::from_secs(9),
            "it need not wait to the end"
        );
        let list = list.json();
        assert!(
            array(&list)
                .iter()
                .any(|purchase| purchase["id"] == id.as_str())
        );

        let never = format!("{url}&contains={}", sample::STAMPED_ID);
        let begun = Instant::now();
        let list = get_with(&never, &[("prefer", "wait=1")]).await;
        assert_eq!((list.status, list.header("contains")), (200, Some("false")));
        assert_eq!(list.header("preference-applied"), Some("wait=1"));
        assert!(begun.elapsed() >= Duration::from_secs(1));
        let at_once = get(&never).await;
        assert_eq!(at_once.header("contains"), Some("false"));
        assert_eq!(at_once.header("preference-applied"), None);
    }
}

pub(crate) async fn sums_are_exact(site: &Site) {
    let userid = sample::fresh_user();
    // What doubles do not add exactly.
    let bought = [
        ("2026-01-30T23:59:59.999Z", Some("tea"), "0.1"),
        ("2026-01-31T00:00:00Z", Some("tea"), "0.2"),
        ("2026-01-31T12:00:00Z", Some("cake"), "999999999999999"),
        ("2026-01-31T23:59:59Z", None, "0.000001"),
    ];
    let purchases = bought.map(|(timestamp, item, price)| {
        json!({"username": "Ada", "userid": userid, "timestamp": timestamp, "item": item, "price": price})
    });
    stored(site, purchases).await;
    for base in site.lists() {
        let summary = get(&format!("{base}/getAllUserBuys/{userid}?summary=true")).await;
        assert_eq!(
            summary.body,
            r#"{"count":4,"total":999999999999999.300001,"byItem":[{"item":"cake","count":1,"total":999999999999999},"#
                .to_owned()
                + r#"{"item":"tea","count":2,"total":0.3},{"count":1,"total":0.000001}],"#
                + r#""byDay":[{"day":"2026-01-30","count":1,"total":0.1},{"day":"2026-01-31","count":3,"total":999999999999999.200001}]}"#
        );
        let nothing = get(&format!(
            "{base}/getAllUserBuys/{}?summary=true",
            sample::fresh_user()
        ))
        .await;
        assert_eq!(
            nothing.json(),
            json!({"count": 0, "total": 0, "byItem": [], "byDay": []})
        );
    }
}

pub(crate) async fn the_list_of_everyone_is_not_public(site: &Site) {
    let userid = sample::fresh_user();
    let mut newest = purchase(&userid);
    newest["timestamp"] = "2999-12-31T23:59:59Z".into();
    let purchases = stored(site, (0..501).map(|_| newest.clone())).await;
    for base in site.readers() {
        let list = get(&format!("{base}/purchases")).await.json();
        assert_eq!(array(&list), &purchases[..500]);
        let page = get(&format!("{base}/purchases?limit=2")).await;
        assert_eq!(array(&page.json()), &purchases[..2]);
        assert!(page.header("link").is_some());
    }
    for base in site.shops() {
        get(&format!("{base}/purchases")).await.problem(404);
        get(&format!("{base}/purchases/{userid}"))
            .await
            .problem(404);
    }
}
