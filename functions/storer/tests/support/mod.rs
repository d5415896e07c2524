//! Storer on a real socket and a real file, and events in every form in which they come.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file is a crate and uses its own part"
)]

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use delivery::{Recorder, RecorderOptions};
use purchase::wire::EventData;
use purchase::{
    Owner, Purchase, PurchaseId, PurchaseReader as _, PurchaseWriter, Stamp, Timestamp, event,
};
use rusqlite::Connection;
use serde_json::Value;
use serve::{App, Metrics};
use sqlite::{Options, Sqlite};
use storer::{HINT, Storer};
use tempfile::TempDir;
use testkit::app::TestApp;
use testkit::{raw, sample};

/// A deadline that no test reaches: what is answered before a test's patience ends did not wait for it.
pub const NEVER: Duration = Duration::from_secs(120);

/// What the KafkaSource adds to every event that it delivers.
const KAFKA_SOURCE: [(&str, &str); 5] = [
    ("Prefer", "reply"),
    ("Kn-Namespace", "shop"),
    ("ce-knativekafkapartition", "2"),
    ("ce-knativekafkaoffset", "41"),
    (
        "traceparent",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    ),
];

pub struct Store {
    pub app: TestApp,
    pub sqlite: Sqlite,
    pub metrics: Metrics,
    folder: TempDir,
}

impl Store {
    pub async fn open() -> Self {
        Self::with(Options::default(), RecorderOptions::default()).await
    }

    pub async fn with(options: Options, recorder: RecorderOptions) -> Self {
        Self::around(options, recorder, |writer| writer).await
    }

    /// `wrap` may put something between storer and the store.
    pub async fn around(
        options: Options,
        recorder: RecorderOptions,
        wrap: impl FnOnce(Arc<dyn PurchaseWriter>) -> Arc<dyn PurchaseWriter>,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sqlite = Sqlite::open(&folder.path().join("test.sqlite"), options).unwrap();
        let storer = Storer {
            recorder: Recorder::start(wrap(Arc::new(sqlite.store())), recorder),
            stamp: Stamp {
                now: || Timestamp::from_millis(sample::NOON_MS).unwrap(),
                random: || [7; 10],
            },
        };
        let metrics = Metrics::new();
        let app = App::new("storer", HINT, storer::routes(storer)).metrics(metrics.clone());
        Self {
            app: TestApp::start(app.build()).await,
            sqlite,
            metrics,
            folder,
        }
    }

    pub async fn ask(&self, request: &[u8]) -> Vec<u8> {
        raw::exchange(self.app.address, request).await
    }

    /// Delivers and expects 204.
    pub async fn stores(&self, request: &[u8]) {
        let answer = self.ask(request).await;
        assert_eq!(status(&answer), 204, "{}", raw::show(&answer));
    }

    /// Nobody else can write until it is dropped.
    pub fn lock(&self) -> Connection {
        let path: PathBuf = self.folder.path().join("test.sqlite");
        let lock = Connection::open(path).unwrap();
        lock.execute_batch("BEGIN IMMEDIATE").unwrap();
        lock
    }

    /// Everything that is stored, newest first.
    pub async fn list(&self) -> Vec<Purchase> {
        let store = self.sqlite.store();
        store.list(&Owner::Everyone, None, 10_000).await.unwrap()
    }

    /// Requests that are being answered.
    pub fn in_flight(&self) -> usize {
        let metrics = self.metrics.encode();
        metrics
            .lines()
            .find_map(|line| line.strip_prefix("http_server_active_requests "))
            .map_or(0, |count| count.parse().unwrap())
    }
}

/// A purchase that is the same in every run; `n` makes it another one.
pub fn purchase(n: u8) -> Purchase {
    let purchase = sample::purchase("ada");
    Purchase {
        id: PurchaseId::random(purchase.timestamp, [n; 10]),
        ..purchase
    }
}

/// An event as it is sent, right or wrong: attributes and data as they are.
#[derive(Clone)]
pub struct Sent {
    pub attributes: Vec<(&'static str, String)>,
    pub data: String,
}

/// How an event is written into a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As the KafkaSource sends it.
    Binary,
    Structured,
    /// A batch with one event.
    Batch,
}

impl Form {
    pub const ALL: [Self; 3] = [Self::Binary, Self::Structured, Self::Batch];
}

impl Sent {
    pub fn of(purchase: &Purchase) -> Self {
        let data = serde_json::to_string(&EventData::from(purchase)).unwrap();
        Self::with_data(&purchase.id.to_string(), &data)
    }

    pub fn with_data(id: &str, data: &str) -> Self {
        let attributes = [
            ("specversion", "1.0"),
            ("id", id),
            ("source", event::SOURCE),
            ("type", event::TYPE),
            ("time", "2026-01-31T12:00:00.000Z"),
            ("datacontenttype", "application/json"),
        ];
        Self {
            attributes: attributes
                .map(|(name, value)| (name, value.to_owned()))
                .into(),
            data: data.to_owned(),
        }
    }

    /// A record that is no CloudEvent, in the KafkaSource's wrapping, at an offset of partition 2.
    pub fn raw_record(offset: i64, record: &str) -> Self {
        let source = "/apis/v1/namespaces/shop/kafkasources/purchases#purchases";
        Self::with_data("", record)
            .set("id", &format!("partition:2/offset:{offset}"))
            .set("source", source)
            .set("type", event::RAW_TYPE)
            .without("datacontenttype")
    }

    pub fn without(mut self, name: &str) -> Self {
        self.attributes.retain(|(attribute, _)| *attribute != name);
        self
    }

    pub fn set(self, name: &'static str, value: &str) -> Self {
        let mut sent = self.without(name);
        sent.attributes.push((name, value.to_owned()));
        sent
    }

    pub fn write(&self, form: Form) -> Vec<u8> {
        match form {
            Form::Binary => self.binary(),
            Form::Structured => post("application/cloudevents+json", &self.json()),
            Form::Batch => batch(std::slice::from_ref(self)),
        }
    }

    pub fn binary(&self) -> Vec<u8> {
        let kafka = KAFKA_SOURCE.map(|(name, value)| format!("{name}: {value}"));
        let attributes = self.attributes.iter().map(|(name, value)| match *name {
            "datacontenttype" => format!("Content-Type: {value}"),
            name => format!("ce-{name}: {value}"),
        });
        let headers: Vec<_> = kafka.into_iter().chain(attributes).collect();
        request("POST /", &headers, &self.data)
    }

    /// In the JSON format, the data in base64 if it is no JSON.
    pub fn json(&self) -> String {
        let mut json = String::from("{");
        for (name, value) in &self.attributes {
            write!(json, "{name:?}:{},", Value::from(value.as_str())).unwrap();
        }
        match serde_json::from_str::<&serde_json::value::RawValue>(&self.data) {
            Ok(_) => write!(json, "\"data\":{}}}", self.data).unwrap(),
            Err(_) => write!(json, "\"data_base64\":\"{}\"}}", base64(&self.data)).unwrap(),
        }
        json
    }
}

pub fn base64(data: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(data)
}

pub fn batch(events: &[Sent]) -> Vec<u8> {
    let events: Vec<_> = events.iter().map(Sent::json).collect();
    post(
        "application/cloudevents-batch+json",
        &format!("[{}]", events.join(",")),
    )
}

/// `POST /` with a body.
pub fn post(content_type: &str, body: &str) -> Vec<u8> {
    request("POST /", &[format!("Content-Type: {content_type}")], body)
}

pub fn request(line: &str, headers: &[String], body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let mut head = format!("{line} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n");
    for header in headers {
        write!(head, "{header}\r\n").unwrap();
    }
    write!(head, "Content-Length: {}\r\n\r\n", body.len()).unwrap();
    let mut request = head.into_bytes();
    request.extend_from_slice(body);
    request
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

/// An answer tells nothing of how it is made, and asks to come again.
pub fn unsure(answer: &[u8]) {
    let text = String::from_utf8_lossy(answer).to_lowercase();
    assert_eq!(status(answer), 503, "{text}");
    assert!(header(answer, "retry-after").is_some(), "{text}");
    for word in [
        "sqlite", "locked", "database", "deadline", "queue", "panic", "/tmp", ".rs",
    ] {
        assert!(!text.contains(word), "{word}: {text}");
    }
}

/// Requests and their answers, one after the other, for people to read.
#[derive(Default)]
pub struct Catalogue(pub String);

impl Catalogue {
    pub fn add(&mut self, title: &str, answer: &[u8]) {
        let shown = raw::show(answer);
        write!(self.0, "=== {title}\n{shown}\n\n").unwrap();
    }
}
