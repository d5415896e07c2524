//! Storer on a real socket and a real file, and events in every form in which they come.

use std::fmt::Write as _;
use std::sync::Arc;

use delivery::{Recorder, RecorderOptions};
use purchase::wire::EventData;
use purchase::{Owner, Purchase, PurchaseId, PurchaseReader as _, PurchaseWriter, event};
use serde_json::Value;
use serve::{App, Metrics};
use sqlite::Options;
use storer::{HINT, Storer};
use testkit::app::TestApp;
use testkit::file::SqliteFile;
use testkit::raw::{self, header, request, status};
use testkit::sample;

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

pub(crate) struct Store {
    pub(crate) app: TestApp,
    pub(crate) file: SqliteFile,
    pub(crate) metrics: Metrics,
}

impl Store {
    pub(crate) async fn open() -> Self {
        Self::with(Options::default(), RecorderOptions::default()).await
    }

    pub(crate) async fn with(options: Options, recorder: RecorderOptions) -> Self {
        Self::around(options, recorder, |writer| writer).await
    }

    /// `wrap` may put something between storer and the store.
    pub(crate) async fn around(
        options: Options,
        recorder: RecorderOptions,
        wrap: impl FnOnce(Arc<dyn PurchaseWriter>) -> Arc<dyn PurchaseWriter>,
    ) -> Self {
        let file = SqliteFile::with(options);
        let storer = Storer {
            recorder: Recorder::start(wrap(Arc::new(file.sqlite.store())), recorder),
            stamp: sample::STAMP,
        };
        let metrics = Metrics::new();
        let app = App::new("storer", HINT, storer::routes(storer)).metrics(metrics.clone());
        Self {
            app: TestApp::start(app.build()).await,
            file,
            metrics,
        }
    }

    pub(crate) async fn ask(&self, request: &[u8]) -> Vec<u8> {
        raw::exchange(self.app.address, request).await
    }

    /// Delivers and expects 204.
    pub(crate) async fn stores(&self, request: &[u8]) {
        let answer = self.ask(request).await;
        assert_eq!(status(&answer), 204, "{}", raw::show(&answer));
    }

    /// Everything that is stored, newest first.
    pub(crate) async fn list(&self) -> Vec<Purchase> {
        let store = self.file.sqlite.store();
        store.list(&Owner::Everyone, None, 10_000).await.unwrap()
    }

    /// Requests that are being answered.
    pub(crate) fn in_flight(&self) -> usize {
        let metrics = self.metrics.encode();
        metrics
            .lines()
            .find_map(|line| line.strip_prefix("http_server_active_requests "))
            .map_or(0, |count| count.parse().unwrap())
    }
}

/// A purchase that is the same in every run; `n` makes it another one.
pub(crate) fn purchase(n: u8) -> Purchase {
    let purchase = sample::purchase("ada");
    Purchase {
        id: PurchaseId::random(purchase.timestamp, [n; 10]),
        ..purchase
    }
}

/// An event as it is sent, right or wrong: attributes and data as they are.
#[derive(Clone)]
pub(crate) struct Sent {
    pub(crate) attributes: Vec<(&'static str, String)>,
    pub(crate) data: String,
}

/// How an event is written into a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// As the KafkaSource sends it.
    Binary,
    Structured,
    /// A batch with one event.
    Batch,
}

impl Form {
    pub(crate) const ALL: [Self; 3] = [Self::Binary, Self::Structured, Self::Batch];
}

impl Sent {
    pub(crate) fn of(purchase: &Purchase) -> Self {
        let data = serde_json::to_string(&EventData::from(purchase)).unwrap();
        Self::with_data(&purchase.id.to_string(), &data)
    }

    pub(crate) fn with_data(id: &str, data: &str) -> Self {
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
    pub(crate) fn raw_record(offset: i64, record: &str) -> Self {
        let source = "/apis/v1/namespaces/shop/kafkasources/purchases#purchases";
        Self::with_data("", record)
            .set("id", &format!("partition:2/offset:{offset}"))
            .set("source", source)
            .set("type", event::RAW_TYPE)
            .without("datacontenttype")
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.attributes.retain(|(attribute, _)| *attribute != name);
        self
    }

    pub(crate) fn set(self, name: &'static str, value: &str) -> Self {
        let mut sent = self.without(name);
        sent.attributes.push((name, value.to_owned()));
        sent
    }

    pub(crate) fn write(&self, form: Form) -> Vec<u8> {
        match form {
            Form::Binary => self.binary(),
            Form::Structured => post("application/cloudevents+json", &self.json()),
            Form::Batch => batch(std::slice::from_ref(self)),
        }
    }

    pub(crate) fn binary(&self) -> Vec<u8> {
        let kafka = KAFKA_SOURCE.map(|(name, value)| format!("{name}: {value}"));
        let attributes = self.attributes.iter().map(|(name, value)| match *name {
            "datacontenttype" => format!("Content-Type: {value}"),
            name => format!("ce-{name}: {value}"),
        });
        let headers: Vec<_> = kafka.into_iter().chain(attributes).collect();
        let headers: Vec<_> = headers.iter().map(String::as_str).collect();
        request("POST /", &headers, &self.data)
    }

    /// In the JSON format, the data in base64 if it is no JSON.
    pub(crate) fn json(&self) -> String {
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

pub(crate) fn base64(data: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(data)
}

pub(crate) fn batch(events: &[Sent]) -> Vec<u8> {
    let events: Vec<_> = events.iter().map(Sent::json).collect();
    post(
        "application/cloudevents-batch+json",
        &format!("[{}]", events.join(",")),
    )
}

/// `POST /` with a body.
pub(crate) fn post(content_type: &str, body: &str) -> Vec<u8> {
    request("POST /", &[&format!("Content-Type: {content_type}")], body)
}

/// An answer tells nothing of how it is made, and asks to come again.
pub(crate) fn unsure(answer: &[u8]) {
    let text = String::from_utf8_lossy(answer).to_lowercase();
    assert_eq!(status(answer), 503, "{text}");
    assert!(header(answer, "retry-after").is_some(), "{text}");
    for word in [
        "sqlite", "locked", "database", "deadline", "queue", "panic", "/tmp", ".rs",
    ] {
        assert!(!text.contains(word), "{word}: {text}");
    }
}
