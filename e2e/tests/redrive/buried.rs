//! Dead letters as consumer and as a KafkaSink write them, made by hand.

use e2e::topics::Raw;
use purchase::{Item, Price, Purchase, PurchaseEvent, PurchaseId, Timestamp};
use testkit::sample::{self, NOON_MS};

/// `type` of what the KafkaSource makes of a raw record.
const WRAPPED: &str = "dev.knative.kafka.event";

/// Who kept the letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keeper {
    Consumer,
    KafkaSink,
}

/// A record that died: its headers, its bytes, and the place that it had.
pub(crate) struct Died {
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) value: Vec<u8>,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
}

/// An event of buy.
pub(crate) fn bought(purchase: &Purchase) -> Died {
    let event = PurchaseEvent {
        purchase: purchase.clone(),
        traceparent: None,
    };
    let (id, time) = (purchase.id.to_string(), purchase.timestamp.to_string());
    let json: serde_json::Value =
        serde_json::from_str(&purchase::event::structured::write(&event.to_cloudevent())).unwrap();
    event_of(
        purchase::event::TYPE,
        purchase::event::SOURCE,
        &id,
        &time,
        &json["data"].to_string(),
    )
}

/// Any event.
pub(crate) fn event_of(ty: &str, source: &str, id: &str, time: &str, data: &str) -> Died {
    let headers = [
        ("ce_specversion", "1.0"),
        ("ce_type", ty),
        ("ce_source", source),
        ("ce_id", id),
        ("ce_time", time),
        ("content-type", "application/json"),
    ];
    Died {
        headers: headers
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        value: data.into(),
        partition: 1,
        offset: 0,
    }
}

/// A record that is no event.
pub(crate) fn raw(offset: i64, value: &str) -> Died {
    Died {
        headers: Vec::new(),
        value: value.into(),
        partition: 2,
        offset,
    }
}

/// When [`raw`] records came into the log.
pub(crate) fn recorded_at() -> Timestamp {
    Timestamp::from_millis(NOON_MS).unwrap()
}

/// The id of the purchase in one.
pub(crate) fn raw_id(topic: &str, offset: i64) -> String {
    PurchaseId::raw_record(topic, 2, offset, recorded_at()).to_string()
}

/// A purchase of today.
pub(crate) fn purchase(n: usize) -> Purchase {
    Purchase {
        item: Some(Item::parse(&format!("item {n}")).unwrap()),
        price: Price::parse("12.50").unwrap(),
        ..sample::purchase(&format!("user-{}", n % 7))
    }
}

impl Died {
    /// The letter that it became, which died so many seconds after noon.
    pub(crate) fn kept_by(self, keeper: Keeper, topic: &str, reason: &str, seconds: i64) -> Raw {
        let died_at = NOON_MS + seconds * 1_000;
        let headers = match keeper {
            Keeper::Consumer => self.with_burial(topic, reason, died_at),
            Keeper::KafkaSink => self.with_answer(topic, reason),
        };
        let headers = headers
            .into_iter()
            .map(|(name, value)| (name, Some(value.into_bytes())));
        Raw {
            headers: headers.collect(),
            value: Some(self.value),
            timestamp_ms: Some(died_at),
            ..Raw::default()
        }
    }

    fn with_burial(&self, topic: &str, reason: &str, died_at: i64) -> Vec<(String, String)> {
        let died_at = Timestamp::from_millis(died_at).unwrap().to_string();
        let burial = [
            ("dl_reason", reason.to_owned()),
            ("dl_detail", format!("it died of {reason}")),
            ("dl_topic", topic.to_owned()),
            ("dl_partition", self.partition.to_string()),
            ("dl_offset", self.offset.to_string()),
            ("dl_recorded_at", recorded_at().to_string()),
            ("dl_died_at", died_at),
        ];
        let burial = burial.map(|(name, value)| (name.to_owned(), value));
        [self.headers.clone(), burial.into()].concat()
    }

    fn with_answer(&self, topic: &str, reason: &str) -> Vec<(String, String)> {
        let code = match reason {
            "retries-exhausted" => "503",
            "malformed" => "400",
            _ => "422",
        };
        let mut headers = self.headers.clone();
        if headers.is_empty() {
            let source = format!("/apis/v1/namespaces/default/kafkasources/purchases#{topic}");
            let id = format!("partition:{}/offset:{}", self.partition, self.offset);
            headers = event_of(WRAPPED, &source, &id, &recorded_at().to_string(), "").headers;
        }
        let answer = [
            (
                "ce_knativeerrordest",
                "http://storer.default.svc.cluster.local",
            ),
            ("ce_knativeerrorcode", code),
            ("ce_knativeerrordata", "e30="),
            ("ce_knativekafkapartition", "1"),
            ("ce_knativekafkaoffset", "41"),
        ];
        let answer = answer.map(|(name, value)| (name.to_owned(), value.to_owned()));
        headers.extend(answer);
        if code != "503" {
            headers.push(("ce_reason".to_owned(), reason.to_owned()));
        }
        headers
    }
}
