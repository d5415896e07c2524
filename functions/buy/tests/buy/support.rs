//! Buy on a real socket and a real file, with a fixed clock and fixed random numbers, so that every answer can be a snapshot.

use std::sync::Arc;

use buy::{Buy, HINT};
use purchase::EventLog;
use serde_json::Value;
use serve::{App, Limits};
use sqlite::Options;
use testkit::app::TestApp;
use testkit::file::SqliteFile;
use testkit::raw::{self, Catalogue, request, status};
use testkit::sample;

pub(crate) const VALID: &str = r#"{"username":"Ada","userid":"ada","item":"tea","price":12.50}"#;

pub(crate) struct Shop {
    pub(crate) app: TestApp,
    pub(crate) file: SqliteFile,
}

impl Shop {
    pub(crate) async fn open() -> Self {
        Self::with(Options::default(), Limits::default()).await
    }

    pub(crate) async fn with(options: Options, limits: Limits) -> Self {
        Self::around(options, limits, |log| log).await
    }

    /// `wrap` may put something between buy and the log.
    pub(crate) async fn around(
        options: Options,
        limits: Limits,
        wrap: impl FnOnce(Arc<dyn EventLog>) -> Arc<dyn EventLog>,
    ) -> Self {
        let file = SqliteFile::with(options);
        let buy = Buy {
            log: wrap(Arc::new(file.sqlite.log())),
            stamp: sample::STAMP,
        };
        let router = App::new("buy", HINT, buy::routes(buy)).build();
        Self {
            app: TestApp::start_with(router, limits).await,
            file,
        }
    }

    pub(crate) async fn ask(&self, request: &[u8]) -> Vec<u8> {
        raw::exchange(self.app.address, request).await
    }

    /// Everything in the log, in its order.
    pub(crate) async fn events(&self) -> Vec<Value> {
        let events = self.file.sqlite.log().read(0, 100_000).await.unwrap();
        events
            .iter()
            .map(|event| serde_json::from_str(&event.json).unwrap())
            .collect()
    }
}

pub(crate) fn json(body: &str) -> Vec<u8> {
    request("POST /buy", &["Content-Type: application/json"], body)
}

pub(crate) fn form(body: &str) -> Vec<u8> {
    let header = "Content-Type: application/x-www-form-urlencoded";
    request("POST /buy", &[header], body)
}

pub(crate) fn keyed(key: &str, body: &str) -> Vec<u8> {
    let key = format!("Idempotency-Key: {key}");
    request("POST /buy", &["Content-Type: application/json", &key], body)
}

/// A valid purchase by `userid`.
pub(crate) fn by(userid: &str) -> String {
    serde_json::json!({"username": "Ada", "userid": userid, "price": 1}).to_string()
}

/// All are refused with `expected`, and none is in the log.
pub(crate) async fn refused(
    shop: &Shop,
    expected: u16,
    requests: impl IntoIterator<Item = (String, Vec<u8>)>,
) -> Catalogue {
    let mut catalogue = Catalogue::default();
    for (title, request) in requests {
        let answer = shop.ask(&request).await;
        assert_eq!(status(&answer), expected, "{title}");
        catalogue.add(&title, &answer);
    }
    assert!(
        shop.events().await.is_empty(),
        "a refused purchase is in the log"
    );
    catalogue
}

pub(crate) fn titled(bodies: &[&str], of: fn(&str) -> Vec<u8>) -> Vec<(String, Vec<u8>)> {
    bodies
        .iter()
        .map(|body| ((*body).to_owned(), of(body)))
        .collect()
}
