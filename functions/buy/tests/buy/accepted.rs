//! Purchases that buy takes: what the client is told, and what is in the log.

use crate::support::{Shop, VALID, by, form, json as as_json, keyed};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use testkit::raw::{Catalogue, body, header, request, status};
use testkit::sample;
use testkit::sample::STAMPED_ID as ID;

const FORM: &str = "username=Ada&userid=ada&item=tea&price=12.50";

#[tokio::test]
async fn json_and_form_are_answered_with_the_purchase() {
    let shop = Shop::open().await;
    let mut catalogue = Catalogue::default();
    let typed = |content_type: &str, body: &str| {
        let header = format!("Content-Type: {content_type}");
        request("POST /buy", &[&header], body)
    };
    let strings = r#" {"username":" Ada ","userid":"\tada\n","item":" ","price":" 1e2 "} "#;
    for (title, request) in [
        ("JSON", as_json(VALID)),
        ("form", form(FORM)),
        (
            "JSON with a charset",
            typed("Application/JSON; charset=utf-8", VALID),
        ),
        (
            "form with a charset",
            typed("application/x-www-form-urlencoded;charset=UTF-8", FORM),
        ),
        (
            "white space around texts, price in a string",
            as_json(strings),
        ),
        ("a user id for a path: a/b %ü", as_json(&by("a/b %ü"))),
        ("with a key", keyed("order-1", VALID)),
        (
            "smallest price",
            as_json(r#"{"username":"a","userid":"b","price":0.000001}"#),
        ),
    ] {
        catalogue.add(title, &shop.ask(&request).await);
    }
    insta::assert_snapshot!(catalogue.0);
}

#[tokio::test]
async fn the_event_says_what_the_answer_says() {
    let shop = Shop::open().await;
    assert_eq!(status(&shop.ask(&as_json(VALID)).await), 201);
    let mut event = shop.events().await.remove(0);
    event["traceparent"] = Value::from("(random)");
    insta::assert_snapshot!(serde_json::to_string_pretty(&event).unwrap());
}

#[tokio::test]
async fn a_repeated_key_gives_the_same_id_and_other_content_another() {
    let shop = Shop::open().await;
    let id = async |key: &str, body_text: &str| {
        let answer = shop.ask(&keyed(key, body_text)).await;
        assert_eq!(status(&answer), 201);
        body(&answer)["purchase"]["id"].as_str().unwrap().to_owned()
    };
    let first = id("order-1", VALID).await;
    assert_ne!(first, ID);
    for key in ["order-1", "\"order-1\"", "  order-1  "] {
        assert_eq!(id(key, VALID).await, first, "{key}");
    }
    let same = r#"{"price":"12.5","item":" tea","userid":"ada","username":"Ada","more":1}"#;
    assert_eq!(id("order-1", same).await, first, "the same content");
    let mut others = vec![first, id("order-2", VALID).await];
    for (member, value) in [
        ("username", json!("Bob")),
        ("userid", json!("bob")),
        ("item", Value::Null),
        ("price", json!(12.51)),
    ] {
        let mut other: Value = serde_json::from_str(VALID).unwrap();
        other[member] = value;
        others.push(id("order-1", &other.to_string()).await);
    }
    let count = others.len();
    others.sort();
    others.dedup();
    assert_eq!(others.len(), count, "{others:?}");
    let longest = "k".repeat(255);
    assert_eq!(
        id(&longest, VALID).await,
        id(&format!("\"{longest}\""), VALID).await
    );
}

#[tokio::test]
async fn a_timestamp_that_the_client_sends_is_ignored() {
    let shop = Shop::open().await;
    for request in [
        as_json(r#"{"username":"a","userid":"b","price":1,"timestamp":"2001-01-01T00:00:00Z"}"#),
        as_json(r#"{"username":"a","userid":"b","price":1,"timestamp":{}}"#),
        form("username=a&userid=b&price=1&timestamp=soon"),
    ] {
        let answer = shop.ask(&request).await;
        let purchase = &body(&answer)["purchase"];
        assert_eq!(purchase["timestamp"], "2026-01-31T12:00:00.000Z");
    }
    for event in shop.events().await {
        assert_eq!(event["data"]["timestamp"], "2026-01-31T12:00:00.000Z");
        assert_eq!(event["time"], "2026-01-31T12:00:00+00:00");
    }
}

#[tokio::test]
async fn the_event_belongs_to_the_trace_of_the_request() {
    let shop = Shop::open().await;
    let trace = "00-0af7651916cd43dd8448eb211c80319c-";
    let sent = format!("{trace}b7ad6b7169203331-01");
    let json = "Content-Type: application/json";
    for header in [
        format!("traceparent: {sent}"),
        "traceparent: 00-00000000000000000000000000000000-b7ad6b7169203331-01".to_owned(),
        "X-Nothing: here".to_owned(),
    ] {
        let answer = shop
            .ask(&request("POST /buy", &[json, &header], VALID))
            .await;
        assert_eq!(status(&answer), 201);
    }
    let traceparents: Vec<_> = shop
        .events()
        .await
        .iter()
        .map(|event| event["traceparent"].as_str().unwrap().to_owned())
        .collect();
    let [same, fresh, other] = &traceparents[..] else {
        panic!("{traceparents:?}");
    };
    assert!(same.starts_with(trace), "{same}");
    assert!(same.ends_with("-01"), "the flags go along: {same}");
    assert_ne!(same, &sent, "a span of its own");
    for new in [fresh, other] {
        assert_eq!(new.len(), sent.len(), "{new}");
        assert!(
            !new.starts_with("00-0af7") && !new.starts_with("00-0000000000000000"),
            "{new}"
        );
    }
    assert_ne!(fresh[3..35], other[3..35]);
}

#[tokio::test]
async fn hostile_user_ids_come_back_unchanged() {
    let shop = Shop::open().await;
    for userid in sample::HOSTILE_USER_IDS {
        let encoded =
            percent_encoding::utf8_percent_encode(userid, percent_encoding::NON_ALPHANUMERIC);
        for request in [
            as_json(&by(userid)),
            form(&format!("username=Ada&price=1&userid={encoded}")),
        ] {
            let answer = shop.ask(&request).await;
            assert_eq!(status(&answer), 201, "{userid}");
            assert_eq!(body(&answer)["purchase"]["userid"], userid);
            let location = header(&answer, "location").unwrap();
            let tail = location.strip_prefix("/getAllUserBuys/").unwrap();
            assert!(!tail.contains(['/', '?', '#', ' ', '+', ';']), "{location}");
            assert_eq!(percent_decode_str(tail).decode_utf8().unwrap(), userid);
            let event = shop.events().await.pop().unwrap();
            assert_eq!(event["data"]["userid"], userid);
            for (name, value) in event.as_object().unwrap() {
                let attribute = name != "data";
                assert!(!attribute || value.as_str().unwrap().is_ascii(), "{name}");
            }
        }
    }
}

#[tokio::test]
async fn prices_are_exact_whatever_their_form() {
    let shop = Shop::open().await;
    for (sent, shown) in [
        ("0.1", "0.1"),
        ("1.50", "1.5"),
        ("\"1.50\"", "1.5"),
        ("1e2", "100"),
        ("100E-2", "1"),
        ("999999999999999", "999999999999999"),
        ("123456789.123456", "123456789.123456"),
        ("1.5000000000000000000000", "1.5"),
    ] {
        let request = format!(r#"{{"username":"a","userid":"b","price":{sent}}}"#);
        let answer = shop.ask(&as_json(&request)).await;
        let text = String::from_utf8_lossy(&answer);
        assert!(
            text.contains(&format!(r#""price":{shown},"#)),
            "{sent}: {text}"
        );
        let event = shop
            .file
            .sqlite
            .log()
            .read(0, 1_000)
            .await
            .unwrap()
            .pop()
            .unwrap();
        assert!(
            event.json.contains(&format!(r#""price":{shown},"#)),
            "{sent}: {}",
            event.json
        );
    }
}

#[tokio::test]
async fn the_longest_texts_and_the_highest_price_are_taken() {
    let longest = format!(
        r#"{{"username":"{}","userid":"{}","item":"{}","price":999999999999999}}"#,
        "n".repeat(1_000),
        "🛒".repeat(256),
        "i".repeat(200),
    );
    let answer = Shop::open().await.ask(&as_json(&longest)).await;
    assert_eq!(status(&answer), 201);
    let purchase = body(&answer)["purchase"].clone();
    for (field, length) in [("username", 1_000), ("userid", 256), ("item", 200)] {
        assert_eq!(purchase[field].as_str().unwrap().chars().count(), length);
    }
    assert_eq!(purchase["price"].to_string(), "999999999999999");
}

#[tokio::test]
async fn an_answer_says_how_long_its_parts_took() {
    let shop = Shop::open().await;
    let answer = shop.ask(&as_json(VALID)).await;
    let timing = header(&answer, "server-timing").unwrap();
    let (read, log) = timing.split_once(", ").unwrap();
    for (metric, name) in [(read, "read"), (log, "log")] {
        let millis = metric.strip_prefix(&format!("{name};dur=")).unwrap();
        assert!(
            (0.0..10_000.0).contains(&millis.parse::<f64>().unwrap()),
            "{timing}"
        );
    }
}
