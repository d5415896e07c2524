//! What passes through the gateway and what does not.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ::gateway::{Deadlines, Upstream, forward};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Request};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::IntoResponse;
use axum::routing::{self, post};
use serve::{App, ReadyCheck as _};
use std::time::Duration;
use tokio::sync::Semaphore;

use crate::support::{Connection, ask, buy, dead, gateway, gateway_to, get, start};

/// Answers with the request as it arrived: method, target, then one line for each header.
fn mirror() -> Router {
    Router::new().fallback(async |request: Request| {
        let mut text = format!("{} {}\n", request.method(), request.uri());
        for (name, value) in request.headers() {
            text.push_str(&format!("{name}: {}\n", value.to_str().unwrap()));
        }
        text
    })
}

#[tokio::test]
async fn raw_target_arrives_byte_for_byte() {
    let address = gateway_to(Router::new().fallback(async |uri: Uri| uri.to_string())).await;
    for user in [
        "ann",
        "a%2Fb",
        "a/b",
        "..%2f",
        "..%2F..%2Fetc",
        "%2e%2e",
        "%2E%2e/x",
        ".",
        "..",
        "../purchases",
        "a/../b",
        "a//b/",
        "%25",
        "%2525",
        "a+b%20c",
        "%F0%9F%8E%81",
        "a;b=c",
        "a%00b",
        "%zz",
        "@:!$&'()*,=",
        "a?limit=5&cursor=x%2Fy%3D",
        "a?",
        "a?x=/../y&&=",
        "a?contains=1&contains=2",
    ] {
        let target = format!("/getAllUserBuys/{user}");
        assert_eq!(get(address, &target).await.body, target);
        assert_eq!(get(address, &format!("/api{target}")).await.body, target);
    }
}

#[tokio::test]
async fn base_address_may_have_a_prefix() {
    let upstream = start(mirror()).await;
    let forward = || {
        forward(
            format!("http://{upstream}/shop/").parse().unwrap(),
            Deadlines::default(),
        )
    };
    let address =
        start(App::new("frontend", "", frontend::routes(forward(), forward())).build()).await;
    assert!(
        get(address, "/getAllUserBuys/%2e%2e?x")
            .await
            .body
            .starts_with("GET /shop/getAllUserBuys/%2e%2e?x\n")
    );
}

#[tokio::test]
async fn methods_and_bodies_pass() {
    let echo =
        post(async |request: Request| request.into_body()).put(async || StatusCode::IM_A_TEAPOT);
    let address = gateway_to(Router::new().route("/buy", echo)).await;

    let sized = ask(address, "POST /buy HTTP/1.1\nContent-Length: 5", "price").await;
    assert_eq!((sized.status, sized.body.as_str()), (200, "price"));
    let chunked = ask(
        address,
        "POST /api/buy HTTP/1.1\nTransfer-Encoding: chunked",
        "3\r\npri\r\n2\r\nce\r\n0\r\n\r\n",
    )
    .await;
    assert_eq!(chunked.status, 200);
    assert!(
        chunked.body.contains("pri") && chunked.body.ends_with("0\r\n\r\n"),
        "{chunked:?}"
    );
    assert_eq!(
        ask(address, "PUT /buy HTTP/1.1\nContent-Length: 0", "")
            .await
            .status,
        418
    );
}

#[tokio::test]
async fn headers_meant_for_one_hop_do_not_reach_the_upstream() {
    let address = gateway_to(mirror()).await;
    let request = "GET /getAllUserBuys/ann HTTP/1.1\nConnection: X-Secret, keep-alive\nX-Secret: 1\nKeep-Alive: timeout=5\n\
                   TE: trailers\nUpgrade: h2c\nProxy-Authorization: Basic x\nExpect: 100-continue\nPrefer: wait=1\nX-Kept: 1";
    let seen = ask(address, request, "").await.body;
    for kept in ["prefer: wait=1", "x-kept: 1", "host: 127.0.0.1:"] {
        assert!(seen.contains(kept), "{kept} is missing: {seen}");
    }
    for dropped in [
        "x-secret",
        "keep-alive",
        "te:",
        "upgrade",
        "proxy-authorization",
        "expect",
        "connection",
        "shop.example",
    ] {
        assert!(!seen.contains(dropped), "{dropped} passed: {seen}");
    }
}

#[tokio::test]
async fn headers_meant_for_one_hop_do_not_reach_the_client() {
    let headers = || {
        let headers = [
            ("connection", "x-secret"),
            ("x-secret", "1"),
            ("keep-alive", "timeout=5"),
            ("proxy-authenticate", "Basic"),
            ("trailer", "x-sum"),
            ("etag", "\"1\""),
            ("link", "<?cursor=x>; rel=\"next\""),
        ];
        (headers, "[]")
    };
    let address = gateway_to(Router::new().fallback(async move || headers())).await;
    let answer = get(address, "/getAllUserBuys/ann").await;
    assert_eq!(answer.header("etag"), Some("\"1\""));
    assert_eq!(answer.header("link"), Some("<?cursor=x>; rel=\"next\""));
    assert_eq!(answer.header("content-length"), Some("2"));
    for dropped in ["x-secret", "keep-alive", "proxy-authenticate", "trailer"] {
        assert_eq!(answer.header(dropped), None);
    }
}

#[tokio::test]
async fn upstream_continues_the_trace_of_the_client() {
    let address = gateway_to(mirror()).await;
    let given = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let seen = ask(
        address,
        &format!("GET /getAllUserBuys/ann HTTP/1.1\nTraceparent: {given}"),
        "",
    )
    .await
    .body;
    assert!(
        seen.contains("traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-"),
        "{seen}"
    );
    assert!(
        !seen.contains("00f067aa0ba902b7"),
        "the span is not the client's: {seen}"
    );
}

#[tokio::test]
async fn redirect_is_passed_on_and_not_followed() {
    let redirect = async || {
        (
            StatusCode::TEMPORARY_REDIRECT,
            [("location", "/elsewhere")],
            "",
        )
    };
    let address =
        gateway_to(Router::new().route("/getAllUserBuys/{*userid}", routing::get(redirect))).await;
    let answer = get(address, "/getAllUserBuys/ann").await;
    assert_eq!(
        (answer.status, answer.header("location")),
        (307, Some("/elsewhere"))
    );
}

#[tokio::test]
async fn head_keeps_the_length_and_has_no_body() {
    let address = gateway_to(
        Router::new().route("/getAllUserBuys/{*userid}", routing::get(async || "12345")),
    )
    .await;
    let answer = ask(address, "HEAD /getAllUserBuys/ann HTTP/1.1", "").await;
    assert_eq!(
        (
            answer.status,
            answer.header("content-length"),
            answer.body.as_str()
        ),
        (200, Some("5"), "")
    );
}

#[tokio::test]
async fn only_the_public_routes_pass() {
    let address = gateway_to(mirror()).await;
    for target in [
        "/purchases",
        "/purchases/ann",
        "/api/purchases",
        "/api",
        "/api/",
        "/api/api/buy",
        "/buy/",
        "/buy/x",
        "/BUY",
        "//buy",
        "/x/../buy",
        "/getAllUserBuys",
        "/openapi.json",
        "/getAllUserBuysX/ann",
        "/%62uy",
    ] {
        let answer = get(address, target).await;
        assert_eq!(answer.status, 404, "{target}: {answer:?}");
        assert!(answer.problem()["error"].is_string());
    }
}

#[tokio::test]
async fn unreachable_upstream_recorded_nothing() {
    let address = gateway(dead().await, Deadlines::default()).await;
    let answer = buy(address).await;
    assert_eq!(
        (answer.status, answer.header("retry-after")),
        (502, Some("1"))
    );
    let problem = answer.problem();
    assert_eq!(problem["recorded"], "no");
    assert_eq!(
        problem["error"],
        "The service cannot be reached. The purchase was not recorded: try again in a moment."
    );

    let listing = get(address, "/getAllUserBuys/ann").await;
    assert_eq!(
        (listing.status, listing.header("retry-after")),
        (502, Some("1"))
    );
    assert_eq!(listing.problem().get("recorded"), None);
}

#[tokio::test]
async fn upstream_that_does_not_answer_in_time_leaves_it_unknown() {
    let silent = start(Router::new().fallback(async || std::future::pending::<()>().await)).await;
    let deadlines = Deadlines {
        head: Duration::from_millis(100),
        ..Deadlines::default()
    };
    let address = gateway(silent, deadlines).await;
    let answer = buy(address).await;
    assert_eq!(
        (answer.status, answer.header("retry-after")),
        (504, Some("1"))
    );
    assert_eq!(answer.problem()["recorded"], "unknown");
    assert_eq!(get(address, "/getAllUserBuys/ann").await.status, 504);
}

#[tokio::test]
async fn problem_of_an_upstream_passes_as_it_is() {
    let away = async || {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            [("retry-after", "7")],
            "{\"recorded\":\"no\"}",
        )
    };
    let address = gateway_to(Router::new().route("/buy", post(away))).await;
    let answer = buy(address).await;
    assert_eq!(
        (
            answer.status,
            answer.header("retry-after"),
            answer.body.as_str()
        ),
        (503, Some("7"), "{\"recorded\":\"no\"}")
    );
}

/// What the embedded product does: no sockets between the gateway and the functions.
#[tokio::test]
async fn routers_in_the_same_process_see_the_request_as_sent() {
    let buy = Router::new().route(
        "/buy",
        post(async |headers: HeaderMap| headers.len().to_string().into_response()),
    );
    let query = Router::new().route(
        "/getAllUserBuys/{*userid}",
        routing::get(async |Path(userid): Path<String>, uri: Uri| format!("{userid} {uri}")),
    );
    let address = start(App::new("embedded", "", frontend::routes(buy, query)).build()).await;
    for prefix in ["", "/api"] {
        let listing = get(
            address,
            &format!("{prefix}/getAllUserBuys/a%2F..%2Fb/c?limit=1"),
        )
        .await;
        assert_eq!(
            listing.body,
            "a/../b/c /getAllUserBuys/a%2F..%2Fb/c?limit=1"
        );
        assert_eq!(
            ask(address, &format!("GET {prefix}/buy HTTP/1.1"), "")
                .await
                .status,
            405
        );
    }
}

#[tokio::test]
async fn ready_tells_which_upstream_cannot_be_reached() {
    let reachable = |address: std::net::SocketAddr| ::gateway::Reachable {
        name: "buy",
        upstream: format!("http://{address}").parse().unwrap(),
    };
    let dead = reachable(dead().await).missing().await.unwrap();
    assert!(dead.contains("cannot be reached"), "{dead}");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let alive = reachable(listener.local_addr().unwrap());
    assert_eq!(alive.missing().await, None);
}

#[tokio::test]
async fn over_the_cap_no_purchase_gets_through() {
    let (entered, open) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let bought = Arc::new(AtomicUsize::new(0));
    let (inside, gate, count) = (entered.clone(), open.clone(), bought.clone());
    let wait = async move || {
        inside.add_permits(1);
        gate.acquire().await.unwrap().forget();
    };
    let buy_one = async move |_: Bytes| {
        count.fetch_add(1, Ordering::SeqCst);
    };
    let upstream = Router::new()
        .route("/getAllUserBuys/{*userid}", routing::get(wait))
        .route("/buy", post(buy_one));
    let upstream: Upstream = format!("http://{}", start(upstream).await).parse().unwrap();
    let [to_buy, to_query] = [(); 2].map(|()| forward(upstream.clone(), Deadlines::default()));
    let app = App::new(
        "frontend",
        frontend::HINT,
        frontend::routes(to_buy, to_query),
    );
    let address = start(app.max_in_flight(1).build()).await;

    let list = "GET /getAllUserBuys/ann HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let first = Connection::open(address, list).await;
    entered.acquire().await.unwrap().forget();
    let chunked = "POST /buy HTTP/1.1\nTransfer-Encoding: chunked";
    for answer in [
        buy(address).await,
        ask(address, chunked, "2\r\n{}\r\n0\r\n\r\n").await,
    ] {
        assert_eq!(answer.status, 503, "{answer:?}");
        assert_eq!(answer.problem()["recorded"], "no");
    }
    assert_eq!(bought.load(Ordering::SeqCst), 0);
    open.add_permits(1);
    assert_eq!(first.end().await.status, 200);
    assert_eq!(buy(address).await.status, 200);
    assert_eq!(bought.load(Ordering::SeqCst), 1);
}
