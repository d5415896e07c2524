//! What surrounds the routes, asked through the router, without a port.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::extract::Extension;
use axum::http::{Method, Request, Response, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use bytes::Bytes;
use futures_util::stream;
use http_body_util::BodyExt;
use serve::{App, Metrics, Problem, Query, ReadyCheck, Tail, TraceParent};
use tower::ServiceExt;

#[derive(serde::Deserialize)]
struct Page {
    limit: Option<u16>,
}

fn routes() -> Router {
    Router::new()
        .route("/buy", post(async || "bought"))
        .route(
            "/panic",
            get(async || -> &'static str { panic!("secret: {}", 42) }),
        )
        .route("/lists/{*user}", get(async |Tail(user)| user))
        .route(
            "/page",
            get(async |Query(Page { limit })| format!("{limit:?}")),
        )
        .route(
            "/stream",
            get(async || Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>())),
        )
        .route(
            "/trace",
            get(async |Extension(trace): Extension<TraceParent>| trace.to_string()),
        )
        .route("/busy", get(async || busy()))
}

fn busy() -> Problem {
    Problem::unavailable("The log is not reachable.", 2)
        .member("recorded", "no")
        .because("broker 10.0.0.7 is down")
}

fn app() -> App {
    App::new("buy", "POST /buy", routes())
}

async fn ask(app: &Router, method: Method, uri: &str) -> Response<Body> {
    let request = Request::builder()
        .method(method)
        .uri(uri)
        .body(Body::empty())
        .unwrap();
    app.clone().oneshot(request).await.unwrap()
}

async fn text(response: Response<Body>) -> String {
    let whole = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(whole.to_vec()).unwrap()
}

async fn get_text(app: &Router, uri: &str) -> (StatusCode, String) {
    let response = ask(app, Method::GET, uri).await;
    (response.status(), text(response).await)
}

#[tokio::test]
async fn document_is_served_as_it_is_and_only_if_there_is_one() {
    let without = ask(&app().build(), Method::GET, "/openapi.json").await;
    assert_eq!(without.status(), StatusCode::NOT_FOUND);
    let with = app().openapi("{}\n").build();
    let answer = ask(&with, Method::GET, "/openapi.json").await;
    assert_eq!(answer.headers()["content-type"], "application/json");
    assert_eq!(text(answer).await, "{}\n");
    let refused = ask(&with, Method::POST, "/openapi.json").await;
    assert_eq!(refused.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn unknown_route_is_a_404_problem_that_says_what_is_there() {
    let response = ask(&app().build(), Method::GET, "/nothing/here").await;
    assert_eq!(response.status(), 404);
    assert_eq!(
        response.headers()["content-type"],
        "application/problem+json"
    );
    insta::assert_snapshot!(text(response).await);
}

#[tokio::test]
async fn wrong_method_is_a_405_problem_with_allow() {
    let app = app().expose_metrics().build();
    for (method, uri, allow) in [
        (Method::GET, "/buy", "POST"),
        (Method::DELETE, "/page", "GET,HEAD"),
        (Method::POST, "/health", "GET,HEAD"),
        (Method::POST, "/metrics", "GET,HEAD"),
    ] {
        let response = ask(&app, method, uri).await;
        assert_eq!(response.status(), 405, "{uri}");
        assert_eq!(response.headers()["allow"], allow, "{uri}");
        assert_eq!(
            response.headers()["content-type"],
            "application/problem+json"
        );
    }
}

#[tokio::test]
async fn panic_is_a_500_problem_without_internals_and_the_next_request_works() {
    let app = app().build();
    let (status, body) = get_text(&app, "/panic").await;
    assert_eq!(status, 500);
    assert!(!body.contains("secret") && !body.contains("42"));
    insta::assert_snapshot!(body);
    assert_eq!(ask(&app, Method::POST, "/buy").await.status(), 200);
}

#[tokio::test]
async fn cause_of_a_5xx_is_not_sent() {
    let response = ask(&app().build(), Method::GET, "/busy").await;
    assert_eq!(response.headers()["retry-after"], "2");
    let body = text(response).await;
    assert!(!body.contains("10.0.0.7"));
    insta::assert_snapshot!(body);
}

#[tokio::test]
async fn problem_lists_fields_and_members() {
    let problem = Problem::new(
        StatusCode::BAD_REQUEST,
        "Missing required fields: username, userid, price",
    )
    .field("userid", "is missing")
    .field("price", "is missing")
    .member("id", "018f")
    .into_response();
    insta::assert_snapshot!(text(problem).await);
}

#[tokio::test]
async fn bad_query_names_the_parameter() {
    let app = app().build();
    assert_eq!(get_text(&app, "/page?limit=7").await.1, "Some(7)");
    let (status, body) = get_text(&app, "/page?limit=many").await;
    assert_eq!(status, 400);
    insta::assert_snapshot!(body);
}

#[tokio::test]
async fn tail_is_decoded_once() {
    let app = app().build();
    for (raw, user) in [
        ("a%2Fb", "a/b"),
        ("a%252Fb", "a%2Fb"),
        ("a/b.c", "a/b.c"),
        ("%C3%A4", "ä"),
    ] {
        assert_eq!(get_text(&app, &format!("/lists/{raw}")).await.1, user);
    }
    assert_eq!(get_text(&app, "/lists/%FF").await.0, 400);
}

#[tokio::test]
async fn slot_is_held_until_the_response_body_is_dropped() {
    let app = app().max_in_flight(1).build();
    let streaming = ask(&app, Method::GET, "/stream").await;
    assert_eq!(streaming.status(), 200);
    assert_eq!(ask(&app, Method::POST, "/buy").await.status(), 503);
    drop(streaming);
    assert_eq!(ask(&app, Method::POST, "/buy").await.status(), 200);
}

#[tokio::test]
async fn callers_trace_goes_on_with_a_span_of_its_own() {
    let caller = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let request = Request::builder()
        .uri("/trace")
        .header("traceparent", caller);
    let response = app()
        .build()
        .oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap();
    let seen = text(response).await;
    assert_ne!(seen, caller);
    assert!(seen.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"));
}

#[tokio::test]
async fn metrics_have_the_route_template_and_never_the_raw_path() {
    let metrics = Metrics::new();
    let app = app().metrics(metrics.clone()).expose_metrics().build();
    get_text(&app, "/lists/alice").await;
    get_text(&app, "/no/such/bob").await;
    let open = ask(&app, Method::GET, "/stream").await;

    let response = ask(&app, Method::GET, "/metrics").await;
    assert!(
        response.headers()["content-type"]
            .to_str()
            .unwrap()
            .starts_with("application/openmetrics-text")
    );
    let text = text(response).await;
    drop(open);
    for line in [
        "# TYPE http_server_request_duration_seconds histogram",
        r#"http_server_request_duration_seconds_count{http_request_method="GET",http_route="/lists/{*user}",http_response_status_code="200"} 1"#,
        r#"http_server_request_duration_seconds_bucket{le="0.005",http_request_method="GET",http_route="unmatched",http_response_status_code="404"}"#,
        "http_server_active_requests 1",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert!(!text.contains("alice") && !text.contains("bob"));
    assert!(metrics.encode().contains("http_server_active_requests 0"));
}

#[tokio::test]
async fn metrics_are_not_a_route_unless_asked_for() {
    assert_eq!(
        ask(&app().build(), Method::GET, "/metrics").await.status(),
        404
    );
}

struct Check(&'static str, Option<&'static str>);

#[async_trait]
impl ReadyCheck for Check {
    fn name(&self) -> &'static str {
        self.0
    }

    async fn missing(&self) -> Option<String> {
        self.1.map(str::to_owned)
    }
}

struct Hanging;

#[async_trait]
impl ReadyCheck for Hanging {
    fn name(&self) -> &'static str {
        "store"
    }

    async fn missing(&self) -> Option<String> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn ready_names_what_is_missing_while_health_is_fine() {
    let app = app()
        .ready(Arc::new(Check("log", Some("database is locked"))))
        .ready(Arc::new(Check("store", None)))
        .build();
    let (status, body) = get_text(&app, "/ready").await;
    assert_eq!(status, 503);
    assert_eq!(
        body,
        r#"{"missing":["log: database is locked"],"ready":false}"#
    );
    assert_eq!(
        get_text(&app, "/health").await,
        (StatusCode::OK, r#"{"status":"ok"}"#.to_owned())
    );
}

#[tokio::test]
async fn ready_is_200_when_nothing_is_missing() {
    let app = app().ready(Arc::new(Check("log", None))).build();
    let (status, body) = get_text(&app, "/ready").await;
    assert_eq!(
        (status, body.as_str()),
        (StatusCode::OK, r#"{"missing":[],"ready":true}"#)
    );
}

#[tokio::test]
async fn check_that_hangs_is_missing_after_its_deadline() {
    let app = app().ready(Arc::new(Hanging)).build();
    let asked = tokio::time::timeout(Duration::from_secs(10), get_text(&app, "/ready")).await;
    let (status, body) = asked.expect("/ready hangs too");
    assert_eq!(status, 503);
    assert!(body.contains("store: no answer within 2 s"));
}

#[tokio::test]
async fn pages_on_named_origins_may_ask_and_others_may_not() {
    let origins = "https://shop.example".parse().unwrap();
    let app = app().origins(origins).build();
    let ask = async |method: Method, path: &str, origin: &str| {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "idempotency-key");
        let request = request.body(Body::empty()).unwrap();
        app.clone().oneshot(request).await.unwrap()
    };
    let allowed = |response: &Response<Body>| {
        let origin = response.headers().get("access-control-allow-origin");
        origin.map(|origin| origin.to_str().unwrap().to_owned())
    };
    let shop = "https://shop.example";
    let preflight = ask(Method::OPTIONS, "/buy", shop).await;
    assert_eq!(preflight.status(), 200);
    assert_eq!(allowed(&preflight).as_deref(), Some(shop));
    let headers = preflight.headers();
    assert!(
        headers["access-control-allow-headers"]
            .to_str()
            .unwrap()
            .contains("idempotency-key")
    );
    assert_eq!(headers["access-control-allow-methods"], "GET,HEAD,POST");
    assert!(!headers.contains_key("access-control-allow-credentials"));

    for (method, path, status) in [
        (Method::POST, "/buy", 200),
        // What went wrong is for the page, too.
        (Method::GET, "/busy", 503),
        (Method::GET, "/nowhere", 404),
        (Method::GET, "/health", 200),
    ] {
        let answer = ask(method, path, shop).await;
        assert_eq!(answer.status(), status, "{path}");
        assert_eq!(allowed(&answer).as_deref(), Some(shop), "{path}");
        let exposed = answer.headers()["access-control-expose-headers"]
            .to_str()
            .unwrap();
        for header in ["link", "etag", "retry-after", "contains", "server-timing"] {
            assert!(exposed.contains(header), "{exposed}");
        }
        assert!(
            answer
                .headers()
                .get_all("vary")
                .iter()
                .any(|vary| vary.to_str().unwrap().contains("origin"))
        );
    }
    for other in ["https://shop.example.org", "http://shop.example", "null"] {
        assert_eq!(
            allowed(&ask(Method::POST, "/buy", other).await),
            None,
            "{other}"
        );
    }
}

#[tokio::test]
async fn without_origins_no_other_page_may_ask() {
    let request = Request::builder()
        .method(Method::OPTIONS)
        .uri("/buy")
        .header("origin", "https://shop.example");
    let request = request.body(Body::empty()).unwrap();
    let answer = app().build().oneshot(request).await.unwrap();
    assert_eq!(answer.status(), 405);
    assert!(!answer.headers().contains_key("access-control-allow-origin"));
}
