//! The page without scripts.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use serde_json::json;

use crate::support::{self, Answer, ask, dead, gateway, gateway_to};
use ::gateway::Deadlines;

/// What buy and query were asked.
type Seen = Arc<Mutex<Vec<String>>>;

const ID: &str = "01930000-0000-7000-8000-000000000001";

/// A backend that answers every purchase so, and has one on every list.
async fn backend(status: StatusCode, answer: serde_json::Value) -> (SocketAddr, Seen) {
    let seen = Seen::default();
    let (asked, listed) = (seen.clone(), seen.clone());
    let buy = async move |headers: HeaderMap, body: String| {
        let header = |name| {
            headers
                .get(name)
                .map_or("", |value| value.to_str().unwrap())
        };
        let (key, kind) = (header("idempotency-key"), header("content-type"));
        let line = format!("{kind} {key} {body}");
        asked.lock().unwrap().push(line);
        (status, axum::Json(answer))
    };
    let list = async move |headers: HeaderMap, uri: Uri| {
        let prefer = headers
            .get("prefer")
            .map_or("", |value| value.to_str().unwrap());
        let line = format!("{uri} {prefer}");
        listed.lock().unwrap().push(line);
        if uri.query() == Some("summary=true") {
            return axum::Json(json!({"count": 1, "total": 2.5})).into_response();
        }
        let purchase = json!({"id": ID, "username": "Ada", "userid": "a/b", "item": "<b>tea</b>", "price": 2.5,
            "timestamp": "2026-01-31T12:00:00.000Z"});
        ([("contains", "true")], axum::Json(json!([purchase]))).into_response()
    };
    let app = Router::new()
        .route("/buy", post(buy))
        .route("/getAllUserBuys/{*userid}", get(list));
    (gateway_to(app).await, seen)
}

async fn submit(address: SocketAddr, form: &str) -> Answer {
    let kind = "application/x-www-form-urlencoded";
    let head = format!(
        "POST / HTTP/1.1\nContent-Type: {kind}\nContent-Length: {}",
        form.len()
    );
    ask(address, &head, form).await
}

/// The value of a field in the form.
fn field(page: &str, name: &str) -> String {
    let (_, rest) = page
        .split_once(&format!("name=\"{name}\" value=\""))
        .unwrap();
    rest.split_once('"').unwrap().0.to_owned()
}

const FORM: &str = "username=Ada&userid=a%2Fb&item=%3Cb%3Etea%3C%2Fb%3E&price=2.5&key=k-1";

#[tokio::test]
async fn purchase_is_sent_on_with_its_key_and_answered_with_a_way_to_the_list() {
    let bought = json!({"purchase": {"id": ID, "price": 2.5, "timestamp": ""}});
    let (address, seen) = backend(StatusCode::CREATED, bought).await;
    let answer = submit(address, FORM).await;
    assert_eq!(answer.status, 303, "{answer:?}");
    let list = format!("./?user=a%2Fb&name=Ada&bought={ID}&plain");
    assert_eq!(answer.header("location"), Some(list.as_str()));
    assert_eq!(
        seen.lock().unwrap().as_slice(),
        [
            "application/x-www-form-urlencoded k-1 username=Ada&userid=a%2Fb&item=%3Cb%3Etea%3C%2Fb%3E&price=2.5"
        ]
    );
}

#[tokio::test]
async fn list_waits_for_what_was_bought_and_is_escaped() {
    let (address, seen) = backend(StatusCode::CREATED, json!({})).await;
    let target = format!("/?user=a%2Fb&name=%22%3E%3Cscript%3E&bought={ID}&plain");
    let page = support::get(address, &target).await;
    assert_eq!(page.status, 200);
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    assert_eq!(page.header("cache-control"), Some("private, no-cache"));
    for text in [
        "Bought and stored.",
        "&lt;b&gt;tea&lt;/b&gt;",
        "<span class=\"amount\">2.50</span>",
        "1 purchase of",
    ] {
        assert!(page.body.contains(text), "{text}: {}", page.body);
    }
    assert!(!page.body.contains("<script"), "{}", page.body);
    assert_eq!(field(&page.body, "username"), "&quot;&gt;&lt;script&gt;");
    let waits = format!("contains={ID} wait=2");
    let asked = seen.lock().unwrap().clone();
    assert_eq!(
        asked,
        [
            format!("/getAllUserBuys/a%2Fb?limit=50&{waits}"),
            "/getAllUserBuys/a%2Fb?summary=true ".to_owned()
        ]
    );
}

#[tokio::test]
async fn every_form_has_a_key_of_its_own() {
    let (address, seen) = backend(StatusCode::CREATED, json!({})).await;
    let keys = [
        support::get(address, "/?plain").await,
        support::get(address, "/?plain").await,
    ];
    let [first, second] = keys.map(|page| field(&page.body, "key"));
    assert_eq!(first.len(), 36);
    assert_ne!(first, second);
    assert!(seen.lock().unwrap().is_empty(), "nobody to list");
}

/// To send such a form twice would be to buy twice.
#[tokio::test]
async fn form_without_a_key_is_given_one_and_not_sent() {
    let (address, seen) = backend(StatusCode::CREATED, json!({})).await;
    for form in [FORM.replace("k-1", ""), FORM.replace("k-1", "%01")] {
        let page = submit(address, &form).await;
        assert_eq!(page.status, 400);
        assert!(page.body.contains("Nothing was sent yet."), "{}", page.body);
        assert_eq!(field(&page.body, "key").len(), 36);
        assert_eq!(field(&page.body, "price"), "2.5");
    }
    assert!(seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn purchase_that_may_be_repeated_keeps_its_key() {
    let unknown = json!({"error": "It may have been recorded or not.", "recorded": "unknown"});
    let (address, _) = backend(StatusCode::SERVICE_UNAVAILABLE, unknown).await;
    let page = submit(address, FORM).await;
    assert_eq!(page.status, 503);
    for text in [
        "It may have been recorded or not.",
        "never bought twice",
        "1 purchase of",
    ] {
        assert!(page.body.contains(text), "{text}: {}", page.body);
    }
    for (name, value) in [("key", "k-1"), ("userid", "a/b"), ("price", "2.5")] {
        assert_eq!(field(&page.body, name), value);
    }
}

#[tokio::test]
async fn refusal_marks_the_field() {
    let refusal = json!({"error": "Price must be a positive number",
        "errors": [{"field": "price", "message": "must be \"positive\""}]});
    let (address, _) = backend(StatusCode::BAD_REQUEST, refusal).await;
    let page = submit(address, FORM).await;
    assert_eq!(page.status, 400);
    assert!(
        page.body.contains("must be &quot;positive&quot;"),
        "{}",
        page.body
    );
    assert!(page.body.contains("aria-invalid=\"true\""), "{}", page.body);
    assert!(!page.body.contains("never bought twice"), "{}", page.body);
}

#[tokio::test]
async fn backend_that_cannot_be_reached_is_said_in_the_page() {
    let address = gateway(dead().await, Deadlines::default()).await;
    let page = submit(address, FORM).await;
    assert_eq!(page.status, 502);
    assert!(
        page.body.contains("The purchase was not recorded"),
        "{}",
        page.body
    );
    let page = support::get(address, "/?user=ada&plain").await;
    assert_eq!(page.status, 200);
    assert!(
        page.body.contains("The list cannot be shown."),
        "{}",
        page.body
    );
}

#[tokio::test]
async fn form_without_bounds_is_refused() {
    let (address, seen) = backend(StatusCode::CREATED, json!({})).await;
    let answer = submit(address, &format!("item={}", "x".repeat(70_000))).await;
    assert_eq!(answer.status, 413, "{answer:?}");
    assert!(seen.lock().unwrap().is_empty());
}
