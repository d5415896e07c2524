//! What clients are told when something is away or set up in another way: by functions that are started for it.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::os::unix::fs::FileExt as _;
use std::time::Duration;

use axum::Router;
use axum::http::{StatusCode, Uri};
use e2e::{Program, Scene, Servers, free_port, path_of, scratch};
use futures_util::future::join_all;
use serde_json::Value;
use testkit::app::TestApp;
use testkit::product::{Folder, Product};
use testkit::{PATIENCE, eventually};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::ask::{Answer, JSON, get, post, purchase};

/// Of the file: the first one says what it is.
const PAGE: usize = 4_096;

/// Of buy, and what a list may take; with what a busy machine adds.
const ANSWERED_WITHIN: Duration = Duration::from_secs(13);

/// A refusal in time that says what is known, and nothing of the inside.
async fn is_honest(answer: impl Future<Output = Answer>, recorded: &[&str]) {
    let answer = timeout(ANSWERED_WITHIN, answer).await;
    let answer = answer.expect("an answer in time");
    answer.problem(503);
    assert!(answer.header("retry-after").is_some());
    let problem = answer.json();
    if !recorded.is_empty() {
        assert!(problem["id"].is_string(), "{problem}");
        assert!(
            recorded.contains(&problem["recorded"].as_str().unwrap()),
            "{problem}"
        );
    }
    for inside in [
        "127.0.0.1",
        "sqlite",
        "SQL",
        "database",
        "kafka",
        "Kafka",
        "broker",
        "mongo",
        "os error",
    ] {
        assert!(!answer.body.contains(inside), "{inside}: {}", answer.body);
    }
}

/// It lives, and says that it cannot work.
async fn lives(base: &str, missing: &str) {
    assert_eq!(get(&format!("{base}/health")).await.status, 200);
    let ready = eventually("not ready", async || {
        let ready = get(&format!("{base}/ready")).await;
        (ready.status == 503).then_some(ready)
    })
    .await;
    assert!(
        ready.json()["missing"].to_string().contains(missing),
        "{ready:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn functions_say_what_is_away() {
    let mut scene = Scene::new(Servers::shared()).await;
    let nobody = format!("127.0.0.1:{}", free_port());
    scene.brokers.clone_from(&nobody);
    let scene = scene.through(&nobody);
    let none = format!("http://{nobody}");
    let (buy, storer, query, consumer) = tokio::join!(
        scene.buy(&none),
        scene.storer(),
        scene.query(),
        scene.consumer()
    );
    let frontend = scene.frontend(&none, &none).await;
    let body = || purchase("ada").to_string();
    let writers = [&storer, &consumer].map(|writer| format!("{}/purchases", writer.url()));
    let shop = format!("{}/buy", buy.url());
    let buys = is_honest(post(&shop, JSON, body()), &["no", "unknown"]);
    let writes = writers
        .iter()
        .map(|writer| is_honest(post(writer, JSON, body()), &["no", "unknown"]));
    let addresses = [&query, &consumer].map(|reader| {
        [
            "/getAllUserBuys/ada",
            "/getAllUserBuys/ada?summary=true",
            "/purchases",
        ]
        .map(|path| format!("{}{path}", reader.url()))
    });
    let lists = addresses
        .iter()
        .flatten()
        .map(|list| is_honest(get(list), &[]));
    let (writes, lists) = (join_all(writes), join_all(lists));
    tokio::join!(buys, writes, lists);
    for base in [&buy, &frontend] {
        let list = get(&format!("{}/getAllUserBuys/ada", base.url())).await;
        list.problem(502);
    }
    let bought = post(&format!("{}/buy", frontend.url()), JSON, body()).await;
    assert_eq!(bought.problem(502), bought.json()["error"]);
    assert_eq!(bought.json()["recorded"], "no", "it never left");
    for (program, missing) in [
        (&buy, "log"),
        (&storer, "store"),
        (&query, "store"),
        (&consumer, "store"),
        (&frontend, "buy"),
    ] {
        lives(&program.url(), missing).await;
    }
    for program in [frontend, buy, storer, query, consumer] {
        assert!(program.stop().await.success());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_product_in_one_process_says_what_is_away() {
    let folder = Folder::new(path_of("user-buy-list"), scratch());
    let product = Product::start(&folder).await;
    let lock = folder.open_database();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    let body = || purchase("ada").to_string();
    let ports = [&product.buy, &product.page].map(|base| format!("{base}/buy"));
    let direct = format!("{}/purchases", product.storer);
    let writes = ports.iter().chain([&direct]);
    join_all(writes.map(|url| is_honest(post(url, JSON, body()), &["no", "unknown"]))).await;
    lives(&product.page, "database").await;
    // Who only reads need not wait for who writes.
    assert_eq!(
        get(&format!("{}/getAllUserBuys/ada", product.query))
            .await
            .status,
        200
    );
    lock.execute_batch("ROLLBACK").unwrap();
    eventually("a purchase", async || {
        (post(&ports[0], JSON, body()).await.status == 201).then_some(())
    })
    .await;
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_are_where_they_wake_nobody() {
    let scene = Scene::new(Servers::shared()).await;
    let own = free_port();
    let buy = scene.buy_with(&[("METRICS_PORT", &own.to_string())]).await;
    has_metrics(&format!("http://127.0.0.1:{own}"), true).await;
    has_metrics(&buy.url(), false).await;
    // On Knative a scrape through the service would keep it awake.
    let mut knative = scene.clone();
    knative
        .surroundings
        .env
        .push(("K_SERVICE", "query".to_owned()));
    let query = knative.query().await;
    has_metrics(&query.url(), false).await;

    let folder = Folder::new(path_of("user-buy-list"), scratch());
    let own = free_port();
    let product =
        Product::start_command(folder.command().env("METRICS_PORT", own.to_string())).await;
    has_metrics(&format!("http://127.0.0.1:{own}"), true).await;
    for base in [&product.page, &product.buy, &product.storer, &product.query] {
        has_metrics(base, false).await;
    }
    product.stop().await;
    for program in [buy, query] {
        assert!(program.stop().await.success());
    }
}

async fn has_metrics(base: &str, expected: bool) {
    let answer = get(&format!("{base}/metrics")).await;
    if expected {
        assert_eq!(answer.status, 200);
        assert!(answer.body.ends_with("# EOF\n"));
    } else {
        answer.problem(404);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_passes_requests_on_follows_nobody_and_asks_no_proxy() {
    let elsewhere = Router::new().fallback(async |uri: Uri| {
        (
            StatusCode::TEMPORARY_REDIRECT,
            [("location", "http://127.0.0.1:1/")],
            uri.to_string(),
        )
    });
    let elsewhere = TestApp::start(elsewhere).await;
    let mut scene = Scene::new(Servers::shared()).await;
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"] {
        scene
            .surroundings
            .env
            .push((name, "http://127.0.0.1:1".to_owned()));
    }
    let buy = scene.buy(&elsewhere.url).await;
    let frontend = scene.frontend(&elsewhere.url, &elsewhere.url).await;
    let asked: [(&Program, &str); 2] = [
        (&buy, "/purchases/a%2Fb/../%2e?limit=2"),
        (&frontend, "/getAllUserBuys/a%2Fb/../%2e?limit=2"),
    ];
    for (program, seen) in asked {
        // As bytes, because a client would tidy up the path.
        let request = testkit::raw::head("GET /getAllUserBuys/a%2Fb/../%2e?limit=2", &[]);
        let answer = testkit::raw::exchange(program.address(), &request).await;
        assert_eq!(testkit::raw::status(&answer), 307);
        let text = String::from_utf8(answer).unwrap();
        assert!(text.ends_with(seen), "{text}");
    }
    let sent = post(
        &format!("{}/buy", frontend.url()),
        JSON,
        Value::Null.to_string(),
    )
    .await;
    assert_eq!((sent.status, sent.body.as_str()), (307, "/buy"));
    for program in [frontend, buy] {
        assert!(program.stop().await.success());
    }
}

/// Long enough that its end is far away when its beginning is there.
const LONG_LIST: &str = "
WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 99999)
INSERT INTO purchases (id, userid, username, item, price, timestamp)
SELECT printf('01930000-0000-7000-8000-%012x', i), 'ada', 'Ada', printf('%.120c', 'x'), '12.5', 1700000000000 + i FROM n;
PRAGMA wal_checkpoint(TRUNCATE);";

/// The same on the functions, with a mongod that is killed, is row 42 of the fault suite.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_whose_database_breaks_never_just_ends() {
    let folder = Folder::new(path_of("user-buy-list"), scratch());
    let product = Product::start(&folder).await;
    folder.open_database().execute_batch(LONG_LIST).unwrap();
    let address: SocketAddr = product.query.trim_start_matches("http://").parse().unwrap();
    let mut begun = Vec::new();
    for format in ["application/json", "application/x-ndjson", "text/csv"] {
        // In 1.0 a body has no end of its own: it ends with its connection.
        for version in ["1.0", "1.1"] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let head = format!(
                "GET /getAllUserBuys/ada HTTP/{version}\r\nHost: a\r\nAccept: {format}\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).await.unwrap();
            let mut first = [0; 4_096];
            let length = stream.read(&mut first).await.unwrap();
            assert!(first[..length].starts_with(format!("HTTP/{version} 200").as_bytes()));
            begun.push((format, version, stream));
        }
    }
    let database = OpenOptions::new()
        .write(true)
        .open(folder.database())
        .unwrap();
    let length = usize::try_from(database.metadata().unwrap().len()).unwrap();
    database
        .write_all_at(&vec![0; length - PAGE], PAGE as u64)
        .unwrap();
    for (format, version, mut stream) in begun {
        let rest = timeout(PATIENCE, stream.read_to_end(&mut Vec::new()))
            .await
            .unwrap();
        let error = rest.expect_err(&format!(
            "{format} over HTTP/{version} ended as if it were whole"
        ));
        assert_eq!(
            error.kind(),
            ErrorKind::ConnectionReset,
            "{format} over HTTP/{version}"
        );
    }
    product.process.kill();
}
