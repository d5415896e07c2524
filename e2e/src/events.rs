//! Events that did not come through buy: written into the topic by hand, or posted to storer as a KafkaSource does.

use purchase::PurchaseId;
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use testkit::oracle::{Intent, Oracle, Outcome};
use testkit::sample;

use crate::topics::Raw;

/// The source of buy's own events.
const BUY: &str = "/user-buy-list/buy";
/// Of another producer, which makes ids of its own kind.
const SHOP: &str = "/shop";
const TYPE: &str = "dev.userbuylist.purchase.recorded.v1";
const TIME: &str = "2026-01-31T12:00:00.000Z";

/// The event of a purchase. Each copy of it is a repetition.
#[derive(Debug, Clone)]
pub struct Event {
    pub id: String,
    pub source: &'static str,
    pub intent: Intent,
}

impl Event {
    /// As buy writes it; once, however often it is repeated.
    pub fn of_buy(userid: &str) -> Self {
        Self {
            id: sample::purchase("x").id.to_string(),
            source: BUY,
            intent: Intent::new(userid, true),
        }
    }

    /// Of a producer that counts its events.
    pub fn foreign(userid: &str, number: usize) -> Self {
        Self {
            id: format!("order {number}"),
            source: SHOP,
            ..Self::of_buy(userid)
        }
    }

    /// The same id on another purchase.
    #[must_use]
    pub fn usurped(&self) -> Self {
        Self {
            intent: Intent::new(&self.intent.userid, true),
            ..self.clone()
        }
    }

    /// The id under which it is stored.
    pub fn purchase_id(&self) -> String {
        match self.source {
            BUY => self.id.clone(),
            source => PurchaseId::foreign_event(source, &self.id).to_string(),
        }
    }

    /// Tells the oracle that it was acknowledged, by whomever.
    pub fn promise(&self, oracle: &Oracle) {
        oracle.told(&self.intent, Outcome::Accepted(self.purchase_id()));
    }

    pub fn data(&self) -> Value {
        json!({"username": "Oracle", "userid": self.intent.userid, "item": self.intent.item, "price": 1.5, "timestamp": TIME})
    }

    /// Binary mode, as a record.
    pub fn record(&self) -> Raw {
        let text = |name: &str, value: &str| (name.to_owned(), Some(value.as_bytes().to_vec()));
        let attributes = self
            .attributes()
            .map(|(name, value)| text(&format!("ce_{name}"), value));
        Raw {
            headers: attributes
                .into_iter()
                .chain([text("content-type", "application/json")])
                .collect(),
            value: Some(self.data().to_string().into_bytes()),
            ..Raw::default()
        }
    }

    /// Structured mode, as a part of a batch.
    pub fn structured(&self) -> Value {
        let mut event = json!({"datacontenttype": "application/json", "data": self.data()});
        for (name, value) in self.attributes() {
            event[name] = json!(value);
        }
        event
    }

    /// Binary mode, as the KafkaSource posts it.
    pub fn request(&self, client: &Client, url: &str) -> RequestBuilder {
        let mut request = client
            .post(url)
            .header("content-type", "application/json")
            .body(self.data().to_string());
        for (name, value) in self.attributes() {
            request = request.header(format!("ce-{name}"), value);
        }
        request
    }

    /// Posts it; the status.
    pub async fn post(&self, client: &Client, url: &str) -> u16 {
        let answer = self.request(client, url).send().await;
        answer.unwrap().status().as_u16()
    }

    fn attributes(&self) -> [(&'static str, &str); 5] {
        [
            ("specversion", "1.0"),
            ("id", &self.id),
            ("source", self.source),
            ("type", TYPE),
            ("time", TIME),
        ]
    }
}
