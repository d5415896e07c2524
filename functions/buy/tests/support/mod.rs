//! Buy on a real socket and a real file, with a fixed clock and fixed random numbers, so that every answer can be a snapshot.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file is a crate and uses its own part"
)]

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use buy::{Buy, HINT};
use purchase::{EventLog, Stamp, Timestamp};
use rusqlite::Connection;
use serde_json::Value;
use serve::{App, Limits};
use sqlite::{Options, Sqlite};
use tempfile::TempDir;
use testkit::app::TestApp;
use testkit::{raw, sample};

/// A deadline that no test reaches: what is answered before a test's patience ends did not wait for it.
pub const NEVER: Duration = Duration::from_secs(120);

/// What `Stamp` gives to every purchase without a key.
pub const ID: &str = "019c13ec-9e00-7707-8707-070707070707";

pub const VALID: &str = r#"{"username":"Ada","userid":"ada","item":"tea","price":12.50}"#;

pub struct Shop {
    pub app: TestApp,
    pub sqlite: Sqlite,
    folder: TempDir,
}

impl Shop {
    pub async fn open() -> Self {
        Self::with(Options::default(), Limits::default()).await
    }

    pub async fn with(options: Options, limits: Limits) -> Self {
        Self::around(options, limits, |log| log).await
    }

    /// `wrap` may put something between buy and the log.
    pub async fn around(
        options: Options,
        limits: Limits,
        wrap: impl FnOnce(Arc<dyn EventLog>) -> Arc<dyn EventLog>,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sqlite = Sqlite::open(&folder.path().join("test.sqlite"), options).unwrap();
        let buy = Buy {
            log: wrap(Arc::new(sqlite.log())),
            stamp: Stamp {
                now: || Timestamp::from_millis(sample::NOON_MS).unwrap(),
                random: || [7; 10],
            },
        };
        let router = App::new("buy", HINT, buy::routes(buy)).build();
        Self {
            app: TestApp::start_with(router, limits).await,
            sqlite,
            folder,
        }
    }

    pub async fn ask(&self, request: &[u8]) -> Vec<u8> {
        raw::exchange(self.app.address, request).await
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("test.sqlite")
    }

    /// Nobody else can write until it is dropped.
    pub fn lock(&self) -> Connection {
        let lock = Connection::open(self.path()).unwrap();
        lock.execute_batch("BEGIN IMMEDIATE").unwrap();
        lock
    }

    /// Everything in the log, in its order.
    pub async fn events(&self) -> Vec<Value> {
        let events = self.sqlite.log().read(0, 100_000).await.unwrap();
        events
            .iter()
            .map(|event| serde_json::from_str(&event.json).unwrap())
            .collect()
    }
}

/// A request with the headers that every client sends.
pub fn request(line: &str, headers: &[&str], body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let length = format!("Content-Length: {}", body.len());
    let mut request = head(line, &[headers, &[&length]].concat());
    request.extend_from_slice(body);
    request
}

/// The same without a word about a body.
pub fn head(line: &str, headers: &[&str]) -> Vec<u8> {
    let mut head = format!("{line} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n");
    for header in headers {
        write!(head, "{header}\r\n").unwrap();
    }
    head.push_str("\r\n");
    head.into_bytes()
}

pub fn json(body: &str) -> Vec<u8> {
    request("POST /buy", &["Content-Type: application/json"], body)
}

pub fn form(body: &str) -> Vec<u8> {
    let header = "Content-Type: application/x-www-form-urlencoded";
    request("POST /buy", &[header], body)
}

pub fn keyed(key: &str, body: &str) -> Vec<u8> {
    let key = format!("Idempotency-Key: {key}");
    request("POST /buy", &["Content-Type: application/json", &key], body)
}

/// A valid purchase by `userid`.
pub fn by(userid: &str) -> String {
    serde_json::json!({"username": "Ada", "userid": userid, "price": 1}).to_string()
}

pub fn status(answer: &[u8]) -> u16 {
    let text = String::from_utf8_lossy(answer);
    let status = text.split(' ').nth(1).expect("a status line");
    status.parse().unwrap()
}

pub fn body(answer: &[u8]) -> Value {
    let text = String::from_utf8_lossy(answer);
    let (_, body) = text.split_once("\r\n\r\n").expect("the end of the head");
    serde_json::from_str(body).expect(&text)
}

pub fn header(answer: &[u8], name: &str) -> Option<String> {
    let text = String::from_utf8_lossy(answer);
    let (head, _) = text.split_once("\r\n\r\n").expect("the end of the head");
    head.lines().find_map(|line| {
        let (found, value) = line.split_once(": ")?;
        found.eq_ignore_ascii_case(name).then(|| value.to_owned())
    })
}

/// Requests and their answers, one after the other, for people to read.
#[derive(Default)]
pub struct Catalogue(pub String);

impl Catalogue {
    pub fn add(&mut self, title: &str, answer: &[u8]) {
        let title: String = title.chars().take(110).collect();
        let shown = raw::show(answer);
        write!(self.0, "=== {title}\n{shown}\n\n").unwrap();
    }
}

/// All are refused with `expected`, and none is in the log.
pub async fn refused(
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

pub fn titled(bodies: &[&str], of: fn(&str) -> Vec<u8>) -> Vec<(String, Vec<u8>)> {
    bodies
        .iter()
        .map(|body| ((*body).to_owned(), of(body)))
        .collect()
}
