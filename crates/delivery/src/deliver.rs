//! One event to one sink, until the sink has decided.

use std::error::Error as StdError;

use async_trait::async_trait;
use bytes::Bytes;
use cloudevents::Event;
use http::Response;
use purchase::event::Reason;
use thiserror::Error;

use crate::answer::Answer;
use crate::backoff::Backoff;
use crate::verdict::Verdict;

/// Where events are delivered, over whatever transport.
#[async_trait]
pub trait Sink: Send + Sync {
    /// Sends the event once, within the transport's own deadline. Of the answer's body the beginning is enough:
    /// [`ANSWER_BYTES_MAX`](crate::ANSWER_BYTES_MAX) bytes.
    async fn post(&self, event: &Event) -> Result<Response<Bytes>, SinkError>;
}

/// No answer came: the event may have arrived or not.
#[derive(Debug, Error)]
#[error("no answer from the sink: {0}")]
pub struct SinkError(pub Box<dyn StdError + Send + Sync>);

/// How a delivery ended.
#[derive(Debug)]
pub enum Outcome {
    Delivered,
    Dead(Dead),
}

/// A delivery that failed for good.
#[derive(Debug)]
pub struct Dead {
    pub attempts: u32,
    /// What came of the last attempt.
    pub last: Result<Answer, SinkError>,
}

impl Dead {
    #[must_use]
    pub fn reason(&self) -> Reason {
        match &self.last {
            Ok(answer) => answer.reason(),
            Err(_) => Reason::RetriesExhausted,
        }
    }

    /// For people: what the sink said, or why it said nothing.
    #[must_use]
    pub fn detail(&self) -> String {
        match &self.last {
            Ok(answer) => answer.text(),
            Err(error) => error.to_string(),
        }
    }
}

/// Delivers an event and tries again as `backoff` says. It ends when the sink has decided or the retries are used up;
/// dropping it in between leaves the event undecided.
pub async fn deliver(sink: &dyn Sink, event: &Event, backoff: &Backoff) -> Outcome {
    let mut attempts = 1;
    loop {
        let last = match sink.post(event).await {
            Ok(answer) => match Verdict::of(answer.status()) {
                Verdict::Delivered => return Outcome::Delivered,
                verdict => Ok((verdict, Answer::of(answer))),
            },
            Err(error) => Err(error),
        };
        let refused = matches!(last, Ok((Verdict::Refused, _)));
        let dead = Dead {
            attempts,
            last: last.map(|(_, answer)| answer),
        };
        let Some(wait) = backoff.wait(attempts).filter(|_| !refused) else {
            return Outcome::Dead(dead);
        };
        // Seldom enough not to fill a disk in an outage of hours.
        if attempts.is_power_of_two() {
            tracing::warn!(
                attempts,
                wait_ms = wait.as_millis(),
                detail = dead.detail(),
                "delivery is repeated"
            );
        }
        tokio::time::sleep(wait).await;
        attempts = attempts.saturating_add(1);
    }
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
        async fn post(&self, _: &Event) -> Result<Response<Bytes>, SinkError> {
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

    async fn dead(script: &[Option<u16>], retries: u32) -> (u32, Reason, String) {
        match deliver_to(script, retries).await {
            Outcome::Dead(dead) => (dead.attempts, dead.reason(), dead.detail()),
            Outcome::Delivered => panic!("delivered"),
        }
    }

    #[tokio::test]
    async fn what_may_pass_is_tried_again_until_it_is_delivered() {
        let script = [Some(503), None, Some(404), Some(429), Some(204)];
        assert!(matches!(deliver_to(&script, 10).await, Outcome::Delivered));
    }

    #[tokio::test]
    async fn a_refusal_is_final_and_says_why() {
        let detail = "422 Unprocessable Entity: because".to_owned();
        assert_eq!(
            dead(&[Some(500), Some(422)], 10).await,
            (2, Reason::Conflict, detail)
        );
    }

    #[tokio::test]
    async fn when_the_retries_are_used_up_the_event_is_dead() {
        let detail = "no answer from the sink: reset".to_owned();
        assert_eq!(
            dead(&[Some(503), Some(503), None], 2).await,
            (3, Reason::RetriesExhausted, detail)
        );
    }

    #[tokio::test]
    async fn a_reason_in_an_answer_that_may_pass_is_none() {
        let (_, reason, _) = dead(&[Some(503)], 0).await;
        assert_eq!(reason, Reason::RetriesExhausted);
    }
}
