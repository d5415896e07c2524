//! One event in one request: each line of the answer table, in each form in which the line can happen.

use crate::support::{Form, Sent, Store, post, purchase};
use purchase::{Price, Purchase, PurchaseId, Timestamp};
use testkit::raw::{Catalogue, body, header, request, status};
use testkit::sample;

const RECORD: &str = r#"{"username":"Ada","userid":7,"item":"tea","price":0.1}"#;

/// In a batch every event is judged on its own, so what would be a 400 alone is a 422 with its reason.
async fn refused(
    store: &Store,
    sent: &Sent,
    expected: u16,
    reason: &str,
    titled: &str,
) -> Catalogue {
    let mut catalogue = Catalogue::default();
    for form in Form::ALL {
        let answer = store.ask(&sent.write(form)).await;
        let title = format!("{titled}, {form:?}");
        let expected = if form == Form::Batch { 422 } else { expected };
        catalogue.add(&title, &answer);
        assert_eq!(status(&answer), expected, "{}", catalogue.0);
        assert_eq!(
            header(&answer, "kne-reason").as_deref(),
            Some(reason),
            "{title}"
        );
        if form == Form::Batch {
            assert_eq!(body(&answer)["errors"][0]["reason"], reason, "{title}");
        }
    }
    catalogue
}

#[tokio::test]
async fn a_new_event_is_stored_and_a_repeated_one_is_a_success() {
    for form in Form::ALL {
        let store = Store::open().await;
        let purchase = purchase(1);
        store.stores(&Sent::of(&purchase).write(form)).await;
        assert_eq!(store.list().await, vec![purchase.clone()], "{form:?}");
        for repeated in Form::ALL {
            store.stores(&Sent::of(&purchase).write(repeated)).await;
        }
        let later = Purchase {
            timestamp: Timestamp::from_millis(sample::NOON_MS + 1).unwrap(),
            ..purchase.clone()
        };
        store.stores(&Sent::of(&later).write(form)).await;
        assert_eq!(store.list().await, [purchase], "the first time stands");
    }
}

#[tokio::test]
async fn a_raw_record_is_stored_and_a_repeated_one_is_a_success() {
    let store = Store::open().await;
    let sent = Sent::raw_record(41, RECORD);
    for form in [Form::Binary, Form::Binary, Form::Structured, Form::Batch] {
        store.stores(&sent.write(form)).await;
    }
    let with_type = sent.set("datacontenttype", "application/json");
    store.stores(&with_type.binary()).await;
    let noon = Timestamp::from_millis(sample::NOON_MS).unwrap();
    let stored = store.list().await;
    assert_eq!(stored.len(), 1, "{stored:?}");
    assert_eq!(
        stored[0].id,
        PurchaseId::raw_record("purchases", 2, 41, noon)
    );
    assert_eq!(stored[0].userid.as_str(), "7");
    assert_eq!(stored[0].timestamp, noon, "the record's time");
    store.stores(&Sent::raw_record(42, RECORD).binary()).await;
    assert_eq!(
        store.list().await.len(),
        2,
        "equal records at two places are two purchases"
    );
}

#[tokio::test]
async fn what_was_acknowledged_before_is_stored_as_it_was() {
    let store = Store::open().await;
    for (offset, (price, shown)) in (0..).zip([
        ("-5", "-5"),
        ("0", "0"),
        ("0.30000000000000004", "0.30000000000000004"),
        ("1e6111", "1e6111"),
        ("1e-6176", "1e-6176"),
        ("\"12.5\"", "12.5"),
        (
            "9999999999999999999999999999999999",
            "9999999999999999999999999999999999",
        ),
    ]) {
        let record = format!(r#"{{"username":" A\u0000 ","userid":"..","price":{price}}}"#);
        let sent = Sent::raw_record(offset, &record).binary();
        store.stores(&sent).await;
        // Read back and compared.
        store.stores(&sent).await;
        let stored = store.list().await;
        let noon = Timestamp::from_millis(sample::NOON_MS).unwrap();
        let id = PurchaseId::raw_record("purchases", 2, offset, noon);
        let found = stored.iter().find(|purchase| purchase.id == id).unwrap();
        assert_eq!(found.price, Price::recorded(shown).unwrap(), "{price}");
        assert_eq!(
            (found.username.as_str(), found.userid.as_str()),
            (" A\0 ", "..")
        );
    }
}

#[tokio::test]
async fn an_event_of_another_producer_is_known_by_source_and_id() {
    let store = Store::open().await;
    let sent = Sent::of(&purchase(1))
        .set("source", "/shop")
        .set("id", "A-1");
    for form in Form::ALL {
        store.stores(&sent.write(form)).await;
    }
    let stored = store.list().await;
    assert_eq!(stored.len(), 1);
    assert_eq!(stored[0].id, PurchaseId::foreign_event("/shop", "A-1"));
}

#[tokio::test]
async fn what_is_neither_an_event_nor_json_is_415() {
    let store = Store::open().await;
    let mut catalogue = Catalogue::default();
    let text = |line: &str| request("POST /", &[line], "username=Ada&price=1");
    for (title, request) in [
        (
            "a form",
            text("Content-Type: application/x-www-form-urlencoded"),
        ),
        (
            "plain text",
            text("Content-Type: text/plain; charset=utf-8"),
        ),
        ("Avro", text("Content-Type: application/cloudevents+avro")),
        ("no content type", text("X-Nothing: here")),
        (
            "a raw record without ce- headers",
            request("POST /", &[], RECORD),
        ),
        ("nothing at all", request("POST /", &[], "")),
    ] {
        let answer = store.ask(&request).await;
        assert_eq!(status(&answer), 415, "{title}");
        assert_eq!(header(&answer, "kne-reason").as_deref(), Some("malformed"));
        catalogue.add(title, &answer);
    }
    insta::assert_snapshot!(catalogue.0);
}

#[tokio::test]
async fn a_missing_attribute_is_400() {
    let store = Store::open().await;
    let mut catalogue = Catalogue::default();
    for name in ["id", "source", "type", "specversion"] {
        let sent = Sent::of(&purchase(1)).without(name);
        catalogue.0 += &refused(&store, &sent, 400, "malformed", &format!("no {name}"))
            .await
            .0;
    }
    for name in ["id", "source", "type"] {
        let sent = Sent::of(&purchase(1)).set(name, "");
        catalogue.0 += &refused(&store, &sent, 400, "malformed", &format!("empty {name}"))
            .await
            .0;
    }
    insta::assert_snapshot!(catalogue.0);
}

#[tokio::test]
async fn what_cannot_be_decoded_is_400() {
    let store = Store::open().await;
    let mut catalogue = Catalogue::default();
    let whole = Sent::of(&purchase(1));
    let data = |data: &str| Sent::with_data(&purchase(1).id.to_string(), data);
    for (title, sent) in [
        ("specversion 0.3", whole.clone().set("specversion", "0.3")),
        ("time that is none", whole.clone().set("time", "yesterday")),
        ("data that is no JSON", data("username=Ada")),
        ("data that ends too early", data(r#"{"username":"Ada""#)),
        ("data that is no object", data("[1]")),
        ("no data", data("")),
        ("raw record that is no JSON", Sent::raw_record(1, "hello")),
        (
            "raw record that is no object",
            Sent::raw_record(1, "\"hello\""),
        ),
        ("raw record without a value", Sent::raw_record(1, "")),
        (
            "raw record without a place",
            Sent::raw_record(1, RECORD).set("id", "41"),
        ),
        (
            "raw record without a topic",
            Sent::raw_record(1, RECORD).set("source", "/kafka"),
        ),
        (
            "raw record without a time",
            Sent::raw_record(1, RECORD).without("time"),
        ),
    ] {
        catalogue.0 += &refused(&store, &sent, 400, "malformed", title).await.0;
    }
    insta::assert_snapshot!(catalogue.0);
}

#[tokio::test]
async fn an_envelope_that_cannot_be_read_is_400() {
    let store = Store::open().await;
    let mut catalogue = Catalogue::default();
    let mut both = Sent::of(&purchase(1)).json();
    both.truncate(both.len() - 1);
    both += r#","data_base64":"e30="}"#;
    let nested = format!("{{\"id\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    let (one, many) = (
        "application/cloudevents+json",
        "application/cloudevents-batch+json",
    );
    for (title, request) in [
        ("empty", post(one, "")),
        ("no JSON", post(one, "hello")),
        ("no object", post(one, "[]")),
        ("ends too early", post(one, r#"{"id":"1""#)),
        (
            "attribute that is an object",
            post(one, r#"{"specversion":"1.0","id":{}}"#),
        ),
        ("10,000 arrays in each other", post(one, &nested)),
        ("data and data_base64", post(one, &both)),
        (
            "data_base64 that is none",
            post(one, r#"{"specversion":"1.0","data_base64":"?"}"#),
        ),
        ("batch that is empty text", post(many, "")),
        ("batch that is no array", post(many, "{}")),
        ("batch that ends too early", post(many, "[{}")),
        ("plain JSON", post("application/json", RECORD)),
    ] {
        let answer = store.ask(&request).await;
        catalogue.add(title, &answer);
        assert_eq!(status(&answer), 400, "{}", catalogue.0);
        assert_eq!(
            header(&answer, "kne-reason").as_deref(),
            Some("malformed"),
            "{title}"
        );
    }
    insta::assert_snapshot!(catalogue.0);
}

#[tokio::test]
async fn what_can_be_decoded_and_is_invalid_is_422() {
    let store = Store::open().await;
    let mut catalogue = Catalogue::default();
    let id = purchase(1).id.to_string();
    let data = |data: &str| Sent::with_data(&id, data);
    let whole = Sent::of(&purchase(1));
    let untimed = data(r#"{"username":"Ada","userid":"ada","price":1}"#).without("time");
    for (title, sent) in [
        ("fields missing", data("{}")),
        (
            "price below zero",
            data(r#"{"username":"Ada","userid":"ada","price":-1}"#),
        ),
        (
            "everything wrong",
            data(r#"{"username":1,"userid":"..","item":"\u0000","price":0}"#),
        ),
        (
            "timestamp that is none",
            data(r#"{"username":"A","userid":"a","price":1,"timestamp":"x"}"#),
        ),
        ("no time at all", untimed),
        (
            "our source with an id that is no UUID",
            whole.set("id", "A-1"),
        ),
        (
            "raw record without a user id",
            Sent::raw_record(1, r#"{"username":"A","price":1}"#),
        ),
        (
            "raw record with a price that is none",
            Sent::raw_record(1, r#"{"username":"A","userid":1,"price":"x"}"#),
        ),
    ] {
        catalogue.0 += &refused(&store, &sent, 422, "invalid", title).await.0;
    }
    insta::assert_snapshot!(catalogue.0);
}

#[tokio::test]
async fn a_price_with_an_absurd_exponent_is_invalid_like_any_other() {
    let store = Store::open().await;
    let data = r#"{"username":"Ada","userid":"ada","price":0.1e-2147483648}"#;
    let sent = Sent::with_data(&purchase(1).id.to_string(), data);
    refused(&store, &sent, 422, "invalid", "event").await;
    refused(
        &store,
        &Sent::raw_record(1, data),
        422,
        "invalid",
        "raw record",
    )
    .await;
}

#[tokio::test]
async fn an_unknown_type_is_422() {
    let store = Store::open().await;
    let sent = Sent::of(&purchase(1)).set("type", "dev.userbuylist.purchase.recorded.v2");
    let catalogue = refused(&store, &sent, 422, "unknown-type", "version 2").await;
    insta::assert_snapshot!(catalogue.0);
}

#[tokio::test]
async fn other_content_under_a_stored_id_is_422_and_the_first_stands() {
    let store = Store::open().await;
    store.stores(&Sent::of(&purchase(1)).binary()).await;
    let other = Purchase {
        item: None,
        ..purchase(1)
    };
    let mut catalogue = refused(&store, &Sent::of(&other), 422, "conflict", "event").await;
    store.stores(&Sent::raw_record(41, RECORD).binary()).await;
    let other = Sent::raw_record(41, &RECORD.replace("0.1", "0.2"));
    catalogue.0 += &refused(&store, &other, 422, "conflict", "raw record")
        .await
        .0;
    let stored = store.list().await;
    assert_eq!(stored.len(), 2);
    assert!(stored.contains(&purchase(1)), "{stored:?}");
    insta::assert_snapshot!(catalogue.0);
}
