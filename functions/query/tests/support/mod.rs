//! Query over a real SQLite file, asked through its router or through a socket, with a spy between it and the store.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file is a crate and uses its own part"
)]

pub mod spy;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use purchase::{Purchase, PurchaseId, PurchaseWriter as _, Recorded};
use query::{HINT, Query};
use serve::App;
use sqlite::SqliteStore;
use testkit::PATIENCE;
use testkit::app::TestApp;
use testkit::file::SqliteFile;
use testkit::sample::entries;
use tower::ServiceExt as _;

use spy::Spy;

/// One list, one file.
pub struct Fixture {
    pub spy: Arc<Spy>,
    pub router: Router,
    store: SqliteStore,
    _file: SqliteFile,
}

pub fn fixture() -> Fixture {
    let file = SqliteFile::open();
    let store = file.sqlite.store();
    let spy = Arc::new(Spy::on(store.clone()));
    Fixture {
        router: query::routes(Query::new(spy.clone())),
        spy,
        store,
        _file: file,
    }
}

impl Fixture {
    /// Returns once all of them are on disk.
    pub async fn store(&self, purchases: &[Purchase]) {
        for batch in purchases.chunks(5_000) {
            for recorded in self.store.record_all(entries(batch)).await {
                assert_eq!(recorded.unwrap(), Recorded::Stored);
            }
        }
    }

    pub async fn get(&self, uri: &str) -> Answer {
        self.ask(uri, &[]).await
    }

    pub async fn get_preferring(&self, prefer: &str, uri: &str) -> Answer {
        self.ask(uri, &[("prefer", prefer)]).await
    }

    pub async fn ask(&self, uri: &str, headers: &[(&str, &str)]) -> Answer {
        get(&self.router, uri, headers).await
    }

    /// The function as it is deployed.
    pub async fn serve(&self) -> TestApp {
        TestApp::start(App::new("query", HINT, self.router.clone()).build()).await
    }
}

/// A whole answer, and when its head arrived.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
    pub at: Instant,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// `Contains` and `Preference-Applied`.
    pub fn said(&self) -> (Option<&str>, Option<&str>) {
        (self.header("contains"), self.header("preference-applied"))
    }

    /// The ids of a list, in its order.
    pub fn ids(&self) -> Vec<PurchaseId> {
        assert_eq!(self.status, 200, "{}", self.body);
        assert_eq!(self.header("content-type"), Some("application/json"));
        ids(self.body.as_bytes())
    }

    /// A problem as a snapshot can hold it; panics if it is anything else.
    pub fn problem(&self) -> String {
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{}",
            self.body
        );
        self.body.clone()
    }
}

/// The ids of a JSON list, in its order.
pub fn ids(json: &[u8]) -> Vec<PurchaseId> {
    let list: Vec<serde_json::Value> = serde_json::from_slice(json).unwrap();
    list.iter()
        .map(|item| item["id"].as_str().unwrap().parse().unwrap())
        .collect()
}

pub fn request(uri: &str, headers: &[(&str, &str)]) -> Request<Body> {
    let request = headers
        .iter()
        .fold(Request::get(uri), |request, (name, value)| {
            request.header(*name, *value)
        });
    request.body(Body::empty()).unwrap()
}

/// Asks without a socket; a request that hangs fails.
pub async fn get(router: &Router, uri: &str, headers: &[(&str, &str)]) -> Answer {
    let answering = async {
        let response = router.clone().oneshot(request(uri, headers)).await.unwrap();
        let at = Instant::now();
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer {
            status: head.status,
            headers: head.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
            at,
        }
    };
    tokio::time::timeout(PATIENCE, answering)
        .await
        .unwrap_or_else(|_| panic!("{uri}: no answer within {PATIENCE:?}"))
}

/// The purchases as a list has them: newest first, equally old ones by id, descending.
pub fn listed(purchases: &[Purchase]) -> Vec<PurchaseId> {
    let mut cursors: Vec<_> = purchases.iter().map(Purchase::cursor).collect();
    cursors.sort_unstable();
    cursors.iter().rev().map(|cursor| cursor.id).collect()
}

/// Lets `span` pass while it watches: `value` must stay the same.
pub async fn stays<T: PartialEq + std::fmt::Debug>(
    what: &str,
    span: Duration,
    mut value: impl FnMut() -> T,
) {
    let before = value();
    let started = Instant::now();
    testkit::eventually(what, async || {
        assert_eq!(value(), before, "{what}");
        (started.elapsed() >= span).then_some(())
    })
    .await;
}
