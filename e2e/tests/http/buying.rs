//! `POST /buy`.

use reqwest::Method;
use serde_json::{Value, json};
use testkit::app::client;
use testkit::{raw, sample};

use crate::ask::{Answer, FORM, JSON, ask, listed, post, post_keyed, purchase, say, send};
use crate::site::{ORIGIN, Site};

async fn buy(shop: &str, body: &Value) -> Answer {
    post(&format!("{shop}/buy"), JSON, body.to_string()).await
}

/// With one member as it is written, whatever that is.
fn with_price(userid: &str, price: &str) -> String {
    format!(r#"{{"username":"Ada","userid":"{userid}","price":{price}}}"#)
}

pub(crate) async fn a_201_tells_the_purchase_and_where_its_list_is(site: &Site) {
    let userid = format!("{} ü/%", sample::fresh_user());
    let mut told = Vec::new();
    for shop in site.shops() {
        for item in [Some("tea"), None] {
            let body = json!({
                "username": " Ada\t", "userid": format!("\n{userid} "), "item": item, "price": "12.50", "other": [1],
            });
            let answer = buy(&shop, &body).await;
            assert_eq!(answer.status, 201, "{answer:?}");
            assert_eq!(answer.header("content-type"), Some(JSON));
            let location = answer.header("location").unwrap();
            let place = location.strip_prefix("/getAllUserBuys/").unwrap();
            assert!(!place.contains('/'), "one part of the path: {location}");
            let place = percent_encoding::percent_decode_str(place);
            assert_eq!(place.decode_utf8().unwrap(), userid);
            let body = answer.json();
            assert_eq!(body["message"], "Purchase recorded");
            assert_eq!(body.as_object().unwrap().len(), 2);
            let purchase = &body["purchase"];
            let mut expected = json!({
                "id": purchase["id"], "username": "Ada", "userid": userid, "price": 12.5,
                "timestamp": purchase["timestamp"],
            });
            if let Some(item) = item {
                expected["item"] = item.into();
            }
            assert_eq!(*purchase, expected);
            is_a_time(purchase["timestamp"].as_str().unwrap());
            told.push(purchase.clone());
        }
    }
    let mut list = listed(&site.query, &userid, told.len()).await;
    let id = |purchase: &Value| purchase["id"].to_string();
    list.sort_by_key(id);
    told.sort_by_key(id);
    assert_eq!(list, told, "the list has what was told");
}

/// RFC 3339 in UTC with three decimals.
fn is_a_time(text: &str) {
    let pattern = "dddd-dd-ddTdd:dd:dd.dddZ";
    let is_like = |(c, p): (char, char)| if p == 'd' { c.is_ascii_digit() } else { c == p };
    assert!(
        text.len() == pattern.len() && text.chars().zip(pattern.chars()).all(is_like),
        "{text}"
    );
}

pub(crate) async fn a_form_buys_as_json_does(site: &Site) {
    let userid = sample::fresh_user();
    for (n, shop) in site.shops().iter().enumerate() {
        let body =
            format!("username=+Ada+L.&userid={userid}&item=a+%26+b%20%C3%BC&price=1e{n}&x=y");
        let answer = post(&format!("{shop}/buy"), FORM, body).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let told = &answer.json()["purchase"];
        assert_eq!(
            (&told["username"], &told["item"]),
            (&json!("Ada L."), &json!("a & b ü"))
        );
        assert_eq!(told["price"], [1, 10, 100][n]);
    }
    assert_eq!(listed(&site.query, &userid, 3).await.len(), 3);
}

pub(crate) async fn texts_have_their_bounds(site: &Site) {
    let user = sample::fresh_user();
    let long = |count: usize| "é".repeat(count);
    let fill = |count: usize| format!("{user}{}", long(count - user.len()));
    let mut bought = 0;
    for (field, value, is_good) in [
        ("userid", fill(256), true),
        ("userid", fill(257), false),
        ("userid", ".".to_owned(), false),
        ("userid", "..".to_owned(), false),
        ("userid", format!("{user}\u{7}"), false),
        ("username", long(1_000), true),
        ("username", long(1_001), false),
        ("username", "a\u{0}b".to_owned(), false),
        ("username", " \t".to_owned(), false),
        ("item", long(200), true),
        ("item", long(201), false),
        ("item", "a\nb".to_owned(), false),
        ("item", " ".to_owned(), true),
    ] {
        let mut body = purchase(&user);
        body[field] = value.clone().into();
        let answer = buy(&site.shops()[bought % 3], &body).await;
        if is_good {
            assert_eq!(answer.status, 201, "{field}: {answer:?}");
            assert!(answer.json()["purchase"][field].as_str().unwrap_or(" ") == value);
            bought += 1;
        } else {
            answer.problem(400);
            assert_eq!(answer.fields(), [field.to_owned()].into(), "{answer:?}");
        }
    }
}

pub(crate) async fn prices_are_exact_within_their_bounds(site: &Site) {
    let userid = sample::fresh_user();
    let good = [
        ("1", "1"),
        ("12.50", "12.5"),
        ("0.1", "0.1"),
        ("1e2", "100"),
        ("\"1E+2\"", "100"),
        ("\" 0.30 \"", "0.3"),
        ("0.000001", "0.000001"),
        ("1e-6", "0.000001"),
        ("123456789.123456", "123456789.123456"),
        ("999999999999999", "999999999999999"),
        ("0.10000000000000000000", "0.1"),
    ];
    for (n, (price, shown)) in good.iter().enumerate() {
        let url = format!("{}/buy", site.shops()[n % 3]);
        let answer = post(&url, JSON, with_price(&userid, price)).await;
        assert_eq!(answer.status, 201, "{price}: {answer:?}");
        assert!(
            answer.body.contains(&format!("\"price\":{shown},")),
            "{answer:?}"
        );
    }
    listed(&site.query, &userid, good.len()).await;
    for base in site.lists() {
        let list = crate::ask::get(&format!("{base}/getAllUserBuys/{userid}"))
            .await
            .body;
        for (_, shown) in good {
            assert!(
                list.contains(&format!("\"price\":{shown},")),
                "{shown}: {list}"
            );
        }
    }
    const NO_PRICE: &str = "Price must be a positive number";
    let refused = async |price: &str| {
        let answer = post(
            &format!("{}/buy", site.buy),
            JSON,
            with_price(&userid, price),
        )
        .await;
        assert_eq!(answer.fields(), ["price".to_owned()].into(), "{price}");
        answer.problem(400)
    };
    for price in [
        "0", "-1", "0.0", "\"1,5\"", "\"abc\"", "\"+1\"", "\".5\"", "\"1.\"", "\"NaN\"", "\"0x1\"",
    ] {
        assert_eq!(refused(price).await, NO_PRICE, "{price}");
    }
    for price in [
        "1e400",
        "1000000000000000",
        "1234567890.123456",
        "0.0000001",
        "1e-400",
    ] {
        let sentence = refused(price).await;
        assert!(sentence.starts_with("Price must "), "{price}: {sentence}");
    }
}

pub(crate) async fn what_is_missing_is_named(site: &Site) {
    const MISSING: &str = "Missing required fields: username, userid, price";
    for (shop, body, fields) in [
        (&site.buy, json!({}), vec!["username", "userid", "price"]),
        (
            &site.page,
            json!({"username": "Ada", "price": 1}),
            vec!["userid"],
        ),
        (
            &site.buy,
            json!({"username": null, "userid": "  ", "price": ""}),
            vec!["username", "userid", "price"],
        ),
    ] {
        let answer = buy(shop, &body).await;
        assert_eq!(answer.problem(400), MISSING);
        assert_eq!(
            answer.fields(),
            fields.into_iter().map(str::to_owned).collect()
        );
    }
    let answer = post(&format!("{}/buy", site.page), FORM, "userid=ada&price=").await;
    assert_eq!(answer.problem(400), MISSING);
    assert_eq!(
        answer.fields(),
        ["username", "price"].map(str::to_owned).into()
    );
}

pub(crate) async fn what_cannot_be_read_says_where_and_why(site: &Site) {
    for shop in site.shops() {
        let url = format!("{shop}/buy");
        let broken = post(&url, JSON, "{\"username\": \"Ada\",\n  oops}")
            .await
            .problem(400);
        assert!(
            broken.contains("line 2") && broken.contains("column 3"),
            "{broken}"
        );
        let header = post(&url, FORM, purchase("ada").to_string())
            .await
            .problem(400);
        assert!(
            header.contains("Content-Type: application/json"),
            "{header}"
        );
        let wrong = buy(
            &shop,
            &json!({"username": 7, "userid": ["a"], "price": true}),
        )
        .await;
        wrong.problem(400);
        assert_eq!(
            wrong.fields(),
            ["username", "userid", "price"].map(str::to_owned).into()
        );
        post(&url, JSON, "").await.problem(400);
        post(&url, JSON, "[]").await.problem(400);
    }
}

pub(crate) async fn requests_that_are_none_are_refused_by_name(site: &Site) {
    for shop in site.shops() {
        let url = format!("{shop}/buy");
        post(&url, JSON, " ".repeat(64 * 1024 + 1))
            .await
            .problem(413);
        post(&url, "text/plain", "tea").await.problem(415);
        let list = format!("{shop}/getAllUserBuys/ada");
        for (method, url, allowed) in [
            (Method::PUT, &url, "POST"),
            (Method::GET, &url, "POST"),
            (Method::POST, &list, "GET,HEAD"),
        ] {
            let answer = ask(method, url).await;
            answer.problem(405);
            assert_eq!(answer.header("allow"), Some(allowed));
        }
        ask(Method::GET, &format!("{shop}/getAllUserBuys/"))
            .await
            .problem(404);
        let large = raw::head(
            "GET /health",
            &[&format!("X-Large: {}", "x".repeat(70_000))],
        );
        assert_eq!(raw::status(&say(&shop, &large).await), 431);
    }
    for base in site.all() {
        let sentence = ask(Method::GET, &format!("{base}/nothing-here"))
            .await
            .problem(404);
        assert!(sentence.contains("it answers"), "{sentence}");
        ask(Method::DELETE, &format!("{base}/health"))
            .await
            .problem(405);
    }
}

pub(crate) async fn a_body_that_does_not_come_is_given_up(site: &Site) {
    let head = raw::head(
        "POST /buy",
        &["Content-Type: application/json", "Content-Length: 100"],
    );
    let [buy, page] = [&site.buy, &site.page].map(|base| say(base, &head));
    let (buy, page) = tokio::join!(buy, page);
    for answer in [buy, page] {
        assert_eq!(raw::status(&answer), 408);
        assert_eq!(
            raw::header(&answer, "content-type").unwrap(),
            "application/problem+json"
        );
    }
}

pub(crate) async fn a_key_never_buys_twice(site: &Site) {
    let userid = sample::fresh_user();
    let body = purchase(&userid);
    let longest = "k".repeat(255);
    let mut ids = Vec::new();
    for key in ["order 1", longest.as_str()] {
        let mut same = Vec::new();
        for shop in site.shops() {
            for key in [key.to_owned(), format!("\"{key}\"")] {
                let answer = post_keyed(&format!("{shop}/buy"), &key, &body).await;
                assert_eq!(answer.status, 201, "{answer:?}");
                same.push(answer.json()["purchase"]["id"].to_string());
            }
        }
        same.dedup();
        assert_eq!(same.len(), 1, "{key}: {same:?}");
        assert_eq!(&same[0][15..16], "5", "a UUIDv5");
        ids.append(&mut same);
    }
    let mut other = body.clone();
    other["price"] = json!(13);
    let answer = post_keyed(&format!("{}/buy", site.buy), "order 1", &other).await;
    assert_eq!(
        answer.status, 201,
        "the same key with other content is another purchase"
    );
    ids.push(answer.json()["purchase"]["id"].to_string());
    let listed = listed(&site.query, &userid, 3).await;
    let mut listed: Vec<_> = listed
        .iter()
        .map(|purchase| purchase["id"].to_string())
        .collect();
    listed.sort();
    ids.sort();
    assert_eq!(listed, ids);
    for key in ["k".repeat(256).as_str(), "\"\"", "\"open"] {
        post_keyed(&format!("{}/buy", site.page), key, &body)
            .await
            .problem(400);
    }
}

pub(crate) async fn without_a_key_each_request_is_a_purchase(site: &Site) {
    let userid = sample::fresh_user();
    for shop in site.shops() {
        let answer = buy(&shop, &purchase(&userid)).await;
        assert_eq!(
            &answer.json()["purchase"]["id"].to_string()[15..16],
            "7",
            "a UUIDv7"
        );
    }
    assert_eq!(listed(&site.query, &userid, 3).await.len(), 3);
}

pub(crate) async fn pages_of_named_origins_may_ask(site: &Site) {
    let userid = sample::fresh_user();
    let preflight = async |url: &str, origin: &str| {
        let request = client()
            .request(Method::OPTIONS, url)
            .header("origin", origin);
        let request = request.header("access-control-request-method", "POST");
        send(request.header(
            "access-control-request-headers",
            "content-type,idempotency-key,prefer",
        ))
        .await
    };
    for base in site.all() {
        let allowed = preflight(&format!("{base}/buy"), ORIGIN).await;
        assert_eq!(allowed.status, 200, "{allowed:?}");
        assert_eq!(one(&allowed, "access-control-allow-origin"), Some(ORIGIN));
        let headers = one(&allowed, "access-control-allow-headers").unwrap();
        assert!(
            headers.contains("idempotency-key") && headers.contains("prefer"),
            "{headers}"
        );
        assert!(
            one(&allowed, "access-control-allow-methods")
                .unwrap()
                .contains("POST")
        );
        assert_eq!(allowed.header("access-control-allow-credentials"), None);
        for origin in [
            "https://shop.example.evil.example",
            "http://shop.example",
            "null",
        ] {
            let refused = preflight(&format!("{base}/buy"), origin).await;
            assert_eq!(
                refused.header("access-control-allow-origin"),
                None,
                "{origin}"
            );
        }
    }
    for shop in site.shops() {
        for body in [purchase(&userid), json!({})] {
            let request = client()
                .post(format!("{shop}/buy"))
                .header("content-type", JSON);
            let answer = send(request.header("origin", ORIGIN).body(body.to_string())).await;
            is_shown_with(&answer, "location");
        }
    }
    for list in site.lists() {
        let url = format!("{list}/getAllUserBuys/{userid}");
        let answer = send(client().get(url).header("origin", ORIGIN)).await;
        is_shown_with(&answer, "link");
    }
}

/// A page of the origin may see it, with this header; a cache keeps the answers to pages of different origins apart.
fn is_shown_with(answer: &Answer, header: &str) {
    assert_eq!(
        one(answer, "access-control-allow-origin"),
        Some(ORIGIN),
        "{answer:?}"
    );
    let shown = one(answer, "access-control-expose-headers").unwrap();
    assert!(shown.contains(header), "{shown}");
    let mut values = answer.headers.get_all("vary").iter();
    assert!(
        values.any(|value| value.to_str().unwrap().contains("origin")),
        "{answer:?}"
    );
}

/// The header, which is there once: a browser takes two for none.
fn one<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    assert!(
        answer.headers.get_all(name).iter().count() < 2,
        "{answer:?}"
    );
    answer.header(name)
}

pub(crate) async fn buy_says_how_long_its_parts_took(site: &Site) {
    for shop in site.shops() {
        let answer = buy(&shop, &purchase(&sample::fresh_user())).await;
        let timing = answer.header("server-timing").unwrap();
        let parts: Vec<_> = timing
            .split(", ")
            .filter_map(|part| part.split_once(";dur="))
            .collect();
        let names: Vec<_> = parts.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["read", "log"], "{timing}");
        for (_, millis) in parts {
            assert!(
                (0.0..10_000.0).contains(&millis.parse::<f64>().unwrap()),
                "{timing}"
            );
        }
    }
}
