//! One event to one sink, until the sink has decided.

use std::error::Error as StdError;

use async_trait::async_trait;
use bytes::Bytes;
use cloudevents::Event;
use http::{Request, Response};
use purchase::event::{self, Reason};
use thiserror::Error;

use crate::backoff::Backoff;
use crate::verdict::Verdict;

/// The header in which a sink says why it refuses; the KafkaSource copies `Kne-…` headers into the dead letter.
pub const REASON_HEADER: &str = "kne-reason";

/// As much of an answer's body as a dead letter keeps, in bytes.
const DETAIL_MAX: usize = 1_024;

/// Where events are delivered, over whatever transport.
#[async_trait]
pub trait Sink: Send + Sync {
    /// Sends one request within the transport's own deadline.
    async fn post(&self, request: Request<Bytes>) -> Result<Response<Bytes>, SinkError>;
}

/// No answer came: the event may have arrived or not.
#[derive(Debug, Error)]
#[error("no answer from the sink: {0}")]
pub struct SinkError(pub Box<dyn StdError + Send + Sync>);

/// How a delivery ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Delivered,
    Dead(Dead),
}

/// Why a delivery failed for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dead {
    pub reason: Reason,
    /// What the sink said, at most 1,024 bytes of it.
    pub detail: String,
    pub attempts: u32,
}

/// Delivers an event in binary mode and tries again as `backoff` says. It ends when the sink has decided or the retries are
/// used up; dropping it in between leaves the event undecided.
pub async fn deliver(sink: &dyn Sink, event: &Event, backoff: &Backoff) -> Outcome {
    let mut attempts = 1;
    loop {
        let answer = sink.post(event::http::binary_request(event)).await;
        let detail = match answer {
            Ok(answer) => match Verdict::of(answer.status()) {
                Verdict::Delivered => return Outcome::Delivered,
                Verdict::Refused => return Outcome::Dead(refused(&answer, attempts)),
                Verdict::Retry => format!("{}: {}", answer.status(), excerpt(answer.body())),
            },
            Err(error) => error.to_string(),
        };
        let Some(wait) = backoff.wait(attempts) else {
            return Outcome::Dead(Dead {
                reason: Reason::RetriesExhausted,
                detail,
                attempts,
            });
        };
        // Seldom enough not to fill a disk in an outage of hours.
        if attempts.is_power_of_two() {
            tracing::warn!(
                attempts,
                wait_ms = wait.as_millis(),
                detail,
                "delivery is repeated"
            );
        }
        tokio::time::sleep(wait).await;
        attempts = attempts.saturating_add(1);
    }
}

fn refused(answer: &Response<Bytes>, attempts: u32) -> Dead {
    let reason = answer
        .headers()
        .get(REASON_HEADER)
        .and_then(|reason| reason.to_str().ok())
        .and_then(Reason::from_text)
        .unwrap_or(Reason::Invalid);
    let detail = format!("{}: {}", answer.status(), excerpt(answer.body()));
    Dead {
        reason,
        detail,
        attempts,
    }
}

fn excerpt(body: &Bytes) -> String {
    String::from_utf8_lossy(&body[..body.len().min(DETAIL_MAX)]).into_owned()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use super::*;
    use crate::Policy;

    /// Answers what it was told to, in order; a `None` is no answer at all.
    struct Script(Mutex<Vec<Option<u16>>>);

    #[async_trait]
    impl Sink for Script {
        async fn post(&self, _: Request<Bytes>) -> Result<Response<Bytes>, SinkError> {
            let status = self.0.lock().unwrap().remove(0);
            let status = status.ok_or_else(|| SinkError("reset".into()))?;
            let answer = Response::builder()
                .status(status)
                .header("Kne-Reason", "conflict");
            Ok(answer.body(Bytes::from("because")).unwrap())
        }
    }

    async fn deliver_to(script: &[Option<u16>], retries: u32) -> Outcome {
        let sink = Script(Mutex::new(script.to_vec()));
        let delay = Duration::from_millis(1);
        let backoff = Backoff {
            policy: Policy::Linear,
            delay,
            retries,
            ceiling: None,
        };
        let outcome = deliver(&sink, &Event::default(), &backoff).await;
        assert!(
            sink.0.lock().unwrap().is_empty(),
            "fewer tries than answers"
        );
        outcome
    }

    #[tokio::test]
    async fn what_may_pass_is_tried_again_until_it_is_delivered() {
        let script = [Some(503), None, Some(404), Some(429), Some(204)];
        assert_eq!(deliver_to(&script, 10).await, Outcome::Delivered);
    }

    #[tokio::test]
    async fn a_refusal_is_final_and_says_why() {
        let dead = Dead {
            reason: Reason::Conflict,
            detail: "422 Unprocessable Entity: because".to_owned(),
            attempts: 2,
        };
        assert_eq!(
            deliver_to(&[Some(500), Some(422)], 10).await,
            Outcome::Dead(dead)
        );
    }

    #[tokio::test]
    async fn when_the_retries_are_used_up_the_event_is_dead() {
        let dead = Dead {
            reason: Reason::RetriesExhausted,
            detail: "no answer from the sink: reset".to_owned(),
            attempts: 3,
        };
        assert_eq!(
            deliver_to(&[Some(503), Some(503), None], 2).await,
            Outcome::Dead(dead)
        );
    }
}
