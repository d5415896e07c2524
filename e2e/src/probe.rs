//! One purchase that nobody counts, and everything that its client is told.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::app::client;
use tokio::time::Instant;

/// Who buys it. It may be stored, whatever was answered.
pub const NOBODY: &str = "nobody";

/// The status, the body, and how long it took.
#[derive(Debug)]
pub struct Answered {
    pub status: u16,
    pub retry_after: bool,
    pub body: Value,
    pub took: Duration,
}

pub async fn buy_once(url: String) -> Answered {
    let begun = Instant::now();
    let body = json!({"username": "Nobody", "userid": NOBODY, "price": 1});
    let request = client()
        .post(format!("{url}/buy"))
        .header("content-type", "application/json")
        .body(body.to_string());
    let answer = request.send().await.unwrap();
    Answered {
        status: answer.status().as_u16(),
        retry_after: answer.headers().contains_key("retry-after"),
        body: serde_json::from_str(&answer.text().await.unwrap()).unwrap(),
        took: begun.elapsed(),
    }
}

impl Answered {
    /// A refusal that says what is known, when to try again, and nothing of the inside.
    pub fn is_complete_refusal(&self) -> bool {
        let text = self.body.to_string().to_lowercase();
        let recorded = self.body["recorded"].as_str().unwrap_or_default();
        let inside = [
            "kafka",
            "broker",
            "127.0.0.1",
            "topic",
            "replica",
            "authoriz",
        ];
        self.status == 503
            && self.retry_after
            && ["no", "unknown"].contains(&recorded)
            && !inside.iter().any(|word| text.contains(word))
    }
}
