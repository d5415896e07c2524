//! storer as a sink, behind a road on which requests and answers get lost.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use cloudevents::Event;
use delivery::{Backoff, Policy, REASON_HEADER, Recorder, Sink, SinkError};
use http::{Response, StatusCode};
use purchase::Recorded;
use purchase::event::{self, Reason, Rejection};
use tokio::time::Instant;

use crate::record::Place;
use crate::schedule::Fault;
use crate::world::{World, pass};

/// As the product in one process waits.
pub(crate) fn backoff(retries: u32) -> Backoff {
    Backoff {
        policy: Policy::Linear,
        delay: Duration::from_millis(100),
        retries,
        ceiling: Some(Duration::from_secs(2)),
    }
}

/// storer for one event.
pub(crate) struct Storer {
    pub(crate) world: Arc<World>,
    pub(crate) recorder: Recorder,
    pub(crate) place: Place,
    /// How many attempts were made, and when the last one ended.
    pub(crate) tried: Mutex<(u32, Instant)>,
}

#[async_trait]
impl Sink for Storer {
    async fn post(&self, event: &Event) -> Result<Response<Bytes>, SinkError> {
        self.judge_pace();
        let answer = self.exchange(event).await;
        let mut tried = self.tried.lock().unwrap();
        *tried = (tried.0 + 1, Instant::now());
        answer
    }
}

impl Storer {
    async fn exchange(&self, event: &Event) -> Result<Response<Bytes>, SinkError> {
        let turn = self.world.turn(|state| &mut state.posts).await;
        let note = |kind, status: &str| {
            self.world.note(kind, || format!("{} {status}", self.place));
        };
        pass(turn.before_ms).await;
        let answer = match turn.fault {
            Fault::Away => {
                note("sink: no connection", "");
                return Err(SinkError("no connection".into()));
            }
            Fault::Status(status) => refusal(StatusCode::from_u16(status).unwrap(), None),
            _ => self.receive(event).await,
        };
        pass(turn.after_ms).await;
        let status = answer.status().as_str().to_owned();
        if turn.fault == Fault::Lost {
            note("sink: the answer is lost", &status);
            return Err(SinkError("connection reset".into()));
        }
        note("sink: answered", &status);
        Ok(answer)
    }

    /// The answer table of storer.
    async fn receive(&self, event: &Event) -> Response<Bytes> {
        let entry = match event::decode(event) {
            Ok(entry) => entry,
            Err(Rejection { reason, .. }) => return refusal(StatusCode::BAD_REQUEST, Some(reason)),
        };
        let recorded = self
            .recorder
            .record(vec![entry])
            .await
            .map(|mut answers| answers.pop());
        match recorded {
            Ok(Some(Ok(Recorded::Stored | Recorded::Duplicate { .. }))) => {
                refusal(StatusCode::NO_CONTENT, None)
            }
            Ok(Some(Ok(Recorded::Conflict))) => {
                refusal(StatusCode::UNPROCESSABLE_ENTITY, Some(Reason::Conflict))
            }
            Ok(Some(Err(_)) | None) | Err(_) => refusal(StatusCode::SERVICE_UNAVAILABLE, None),
        }
    }

    /// An attempt waits as long as the ones before it deserve.
    fn judge_pace(&self) {
        let (attempts, ended) = *self.tried.lock().unwrap();
        let wait = if attempts == 0 {
            None
        } else {
            backoff(u32::MAX).wait(attempts)
        };
        if wait.is_some_and(|wait| ended.elapsed() < wait) {
            let place = self.place;
            self.world.with(|state| {
                state.report.violate(format!(
                    "attempt {} of {place} comes after {:?}",
                    attempts + 1,
                    ended.elapsed()
                ));
            });
        }
    }
}

fn refusal(status: StatusCode, reason: Option<Reason>) -> Response<Bytes> {
    let answer = Response::builder().status(status);
    let answer = match reason {
        Some(reason) => answer.header(REASON_HEADER, reason.as_str()),
        None => answer,
    };
    answer.body(Bytes::new()).unwrap()
}
