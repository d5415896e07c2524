//! A client of any function.

use std::collections::BTreeSet;

use http::HeaderMap;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use testkit::app::client;
use testkit::{eventually, raw};

use crate::site::Site;

pub(crate) const JSON: &str = "application/json";
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

/// An answer, whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        Some(self.headers.get(name)?.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The sentence of a problem, which is one in every way.
    pub(crate) fn problem(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json")
        );
        let problem = self.json();
        assert_eq!(problem["status"], status, "{problem}");
        for member in ["type", "title", "error"] {
            let text = problem[member].as_str().unwrap();
            assert!(!text.is_empty(), "{problem}");
        }
        problem["error"].as_str().unwrap().to_owned()
    }

    /// The fields that a problem names.
    pub(crate) fn fields(&self) -> BTreeSet<String> {
        let errors = self.json()["errors"].clone();
        let errors = errors.as_array().cloned().unwrap_or_default();
        let field = |error: &Value| {
            assert!(!error["message"].as_str().unwrap().is_empty());
            error["field"].as_str().unwrap().to_owned()
        };
        errors.iter().map(field).collect()
    }
}

pub(crate) async fn send(request: RequestBuilder) -> Answer {
    let answer = request.send().await.unwrap();
    Answer {
        status: answer.status().as_u16(),
        headers: answer.headers().clone(),
        body: answer.text().await.unwrap(),
    }
}

pub(crate) async fn get(url: &str) -> Answer {
    send(client().get(url)).await
}

pub(crate) async fn get_with(url: &str, headers: &[(&'static str, &str)]) -> Answer {
    let request = headers
        .iter()
        .fold(client().get(url), |request, (name, value)| {
            request.header(*name, *value)
        });
    send(request).await
}

pub(crate) async fn ask(method: Method, url: &str) -> Answer {
    send(client().request(method, url)).await
}

/// Sends a body to `/buy`, or wherever.
pub(crate) async fn post(url: &str, content_type: &str, body: impl Into<String>) -> Answer {
    let request = client().post(url).header("content-type", content_type);
    send(request.body(body.into())).await
}

pub(crate) async fn post_keyed(url: &str, key: &str, body: &Value) -> Answer {
    let request = client().post(url).header("content-type", JSON);
    send(
        request
            .header("idempotency-key", key)
            .body(body.to_string()),
    )
    .await
}

/// What one can buy.
pub(crate) fn purchase(userid: &str) -> Value {
    json!({"username": "Ada", "userid": userid, "item": "tea", "price": 12.5})
}

pub(crate) fn encoded(userid: &str) -> String {
    percent_encoding::utf8_percent_encode(userid, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// The list of a user at one of the functions, once it is so long.
pub(crate) async fn listed(base: &str, userid: &str, length: usize) -> Vec<Value> {
    let url = format!("{base}/getAllUserBuys/{}", encoded(userid));
    eventually("a list of that length", async || {
        let list = get(&url).await.json();
        let list = list.as_array().cloned()?;
        (list.len() >= length).then_some(list)
    })
    .await
}

/// Stores purchases at once, with times of their own; in the order of the list.
pub(crate) async fn stored(site: &Site, purchases: impl IntoIterator<Item = Value>) -> Vec<Value> {
    let mut told = Vec::new();
    for purchase in purchases {
        let answer = post(
            &format!("{}/purchases", site.storer),
            JSON,
            purchase.to_string(),
        )
        .await;
        assert_eq!(answer.status, 201, "{answer:?}");
        told.push(answer.json()["purchase"].clone());
    }
    let key = |purchase: &Value| {
        (
            purchase["timestamp"].to_string(),
            purchase["id"].to_string(),
        )
    };
    told.sort_by_key(|purchase| std::cmp::Reverse(key(purchase)));
    told
}

/// The bytes that come for these bytes: for what no well-behaved client sends.
pub(crate) async fn say(base: &str, request: &[u8]) -> Vec<u8> {
    let (_, address) = base.split_once("//").unwrap();
    let address = address.split('/').next().unwrap().parse().unwrap();
    raw::exchange(address, request).await
}
