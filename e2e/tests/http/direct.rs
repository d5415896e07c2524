//! What goes to the store past the log: `POST /purchases`, and the events that storer is given.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use purchase::request::{Timestamps, from_json};
use purchase::{IdempotencyKey, PurchaseId};
use serde_json::{Value, json};
use testkit::app::client;
use testkit::sample;

use crate::ask::{Answer, FORM, JSON, listed, post, post_keyed, purchase, send};
use crate::site::Site;

pub(crate) async fn a_direct_write_is_in_the_list_and_never_in_the_log(site: &Site) {
    let userid = sample::fresh_user();
    let mut told = Vec::new();
    for base in site.writers() {
        let url = format!("{base}/purchases");
        let mut body = purchase(&userid);
        body["timestamp"] = "2020-02-29T23:59:59.9999+01:00".into();
        for answer in [
            post(&url, JSON, body.to_string()).await,
            post(&url, FORM, format!("username=Ada&userid={userid}&price=1")).await,
        ] {
            assert_eq!(answer.status, 201, "{answer:?}");
            assert_eq!(answer.json()["message"], "Purchase recorded");
            assert!(
                answer
                    .header("location")
                    .unwrap()
                    .starts_with("/getAllUserBuys/user")
            );
            told.push(answer.json()["purchase"].clone());
        }
        assert_eq!(
            told[told.len() - 2]["timestamp"],
            "2020-02-29T22:59:59.999Z"
        );
        for wrong in [
            json!({}),
            json!({"username": "Ada", "userid": userid, "price": 1, "timestamp": "today"}),
        ] {
            post(&url, JSON, wrong.to_string()).await.problem(400);
        }
        post(&url, "text/plain", "tea").await.problem(415);
        post(&url, JSON, " ".repeat(64 * 1024 + 1))
            .await
            .problem(413);
    }
    let list = listed(&site.query, &userid, told.len()).await;
    assert_eq!(list.len(), told.len());
    assert!(told.iter().all(|told| list.contains(told)));
    // In one process storer has no log that it could write to.
    if let Some(logged) = site.logged(&userid).await {
        assert_eq!(logged, 0);
    }
}

pub(crate) async fn a_direct_write_has_the_id_that_buy_gives(site: &Site) {
    let userid = sample::fresh_user();
    let body = purchase(&userid);
    let bought = post_keyed(&format!("{}/buy", site.buy), "order-1", &body).await;
    let first = listed(&site.query, &userid, 1).await;
    assert_eq!(first, [bought.json()["purchase"].clone()]);
    for base in site.writers() {
        let again = post_keyed(&format!("{base}/purchases"), "\"order-1\"", &body).await;
        assert_eq!(again.status, 201);
        assert_eq!(again.json()["purchase"], first[0], "with the first time");
    }
    assert_eq!(listed(&site.query, &userid, 1).await, first);
    if let Some(logged) = site.logged(&userid).await {
        assert_eq!(logged, 1);
    }
}

/// The attributes of an event of buy.
fn attributes(id: &str) -> [(&'static str, String); 5] {
    [
        ("specversion", "1.0".to_owned()),
        ("id", id.to_owned()),
        ("source", "/user-buy-list/buy".to_owned()),
        ("type", "dev.userbuylist.purchase.recorded.v1".to_owned()),
        ("time", "2026-01-31T12:00:00Z".to_owned()),
    ]
}

fn data(userid: &str) -> Value {
    let mut data = purchase(userid);
    data["timestamp"] = "2026-01-31T12:00:00.000Z".into();
    data
}

async fn deliver(base: &str, id: &str, data: &Value) -> Answer {
    let request = client()
        .post(base)
        .header("content-type", JSON)
        .body(data.to_string());
    let headers = attributes(id).into_iter();
    send(headers.fold(request, |request, (name, value)| {
        request.header(format!("ce-{name}"), value)
    }))
    .await
}

async fn deliver_structured(base: &str, id: &str, data: (&str, Value)) -> Answer {
    let mut event: Value = attributes(id).into_iter().collect();
    event["datacontenttype"] = JSON.into();
    event[data.0] = data.1;
    post(
        base,
        "application/cloudevents+json; charset=utf-8",
        event.to_string(),
    )
    .await
}

pub(crate) async fn other_content_under_an_id_is_a_conflict(site: &Site) {
    let userid = sample::fresh_user();
    let body = purchase(&userid);
    let key: IdempotencyKey = "order-1".parse().unwrap();
    let new = from_json(body.to_string().as_bytes(), Timestamps::Receiver).unwrap();
    let id = PurchaseId::keyed(&key, &new).to_string();
    let mut other = data(&userid);
    other["price"] = json!(13);
    assert_eq!(deliver(&site.storer, &id, &other).await.status, 204);
    for base in site.writers() {
        post_keyed(&format!("{base}/purchases"), "order-1", &body)
            .await
            .problem(422);
    }
    deliver(&site.storer, &id, &data(&userid))
        .await
        .problem(422);
    let list = listed(&site.query, &userid, 1).await;
    assert_eq!(list.len(), 1);
    assert_eq!(list[0]["price"], 13, "the first stands");
}

pub(crate) async fn an_event_is_stored_once_in_every_form(site: &Site) {
    let userid = sample::fresh_user();
    let id = sample::purchase("x").id.to_string();
    let data = data(&userid);
    for base in site.writers() {
        let base64 = json!(STANDARD.encode(data.to_string()));
        for answer in [
            deliver(&base, &id, &data).await,
            deliver_structured(&base, &id, ("data", data.clone())).await,
            deliver_structured(&base, &id, ("data_base64", base64)).await,
        ] {
            assert_eq!(
                (answer.status, answer.body.as_str()),
                (204, ""),
                "{answer:?}"
            );
        }
        let mut wrong = data.clone();
        wrong["price"] = json!(-1);
        let fresh = sample::purchase("x").id.to_string();
        deliver(&base, &fresh, &wrong).await.problem(422);
        post(&base, JSON, "{oops").await.problem(400);
        post(&base, "text/plain", "tea").await.problem(415);
    }
    let mut expected = data;
    expected["id"] = id.into();
    assert_eq!(listed(&site.query, &userid, 1).await, [expected]);
}
