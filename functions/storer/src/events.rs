//! `POST /`: events in any form that CloudEvents has over HTTP, and the answer table.

use axum::extract::State;
use cloudevents::{AttributesReader as _, Event};
use delivery::{REASON_HEADER, RecordError};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use purchase::event::http::{Message, ReadError};
use purchase::event::{self, Reason, Rejection};
use purchase::{Entry, PortError, Recorded};
use serde_json::json;
use serve::{Body, BoxError, Problem};
use tracing::Span;

use crate::Storer;

/// A batch of a few thousand purchases. Larger single events never get into the log.
pub const BODY_BYTES_MAX: usize = 2 * 1024 * 1024;

/// The KafkaSource keeps its own time; this is for everybody else.
const RETRY_AFTER_S: u32 = 1;

pub(crate) async fn receive(
    State(storer): State<Storer>,
    headers: HeaderMap,
    body: Result<Body<BODY_BYTES_MAX>, Problem>,
) -> Result<StatusCode, Problem> {
    let Body(body) = body.map_err(unread)?;
    match event::http::read(&headers, &body) {
        Ok(Message::One(event)) => receive_one(&storer, &event).await,
        Ok(Message::Batch(events)) => receive_batch(&storer, events).await,
        Err(ReadError::Malformed(rejection)) => Err(refused(&rejection)),
        Err(error @ ReadError::NotAnEvent(_)) => {
            let sentence = format!("This address takes CloudEvents: {error}.");
            let problem = Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, sentence);
            Err(with_reason(problem, Reason::Malformed))
        }
    }
}

async fn receive_one(storer: &Storer, event: &Event) -> Result<StatusCode, Problem> {
    Span::current().record("cloudevents.event_id", event.id());
    let entry = event::decode(event).map_err(|rejection| refused(&rejection))?;
    match record(storer, vec![entry]).await?.pop() {
        Some(Ok(Recorded::Stored | Recorded::Duplicate { .. })) => Ok(StatusCode::NO_CONTENT),
        Some(Ok(Recorded::Conflict)) => Err(refused(&Rejection::conflict())),
        Some(Err(error)) => Err(unsure(error)),
        None => Err(unsure("the store gave no answer for the event")),
    }
}

/// Every event is judged on its own; the answer is that of the most urgent one: an unsure event must come again, and a
/// repetition of the others does no harm.
async fn receive_batch(
    storer: &Storer,
    events: Vec<Result<Event, Rejection>>,
) -> Result<StatusCode, Problem> {
    let total = events.len();
    let mut valid = Vec::new();
    let mut refusals = Vec::new();
    for (index, event) in events.into_iter().enumerate() {
        let id = event
            .as_ref()
            .map_or(String::new(), |event| event.id().to_owned());
        match event.and_then(|event| event::decode(&event)) {
            Ok(entry) => valid.push((index, id, entry)),
            Err(rejection) => refusals.push((index, id, rejection)),
        }
    }
    let entries = valid.iter().map(|(_, _, entry)| entry.clone()).collect();
    let recorded = record(storer, entries).await?;
    for ((index, id, _), recorded) in valid.into_iter().zip(recorded) {
        match recorded {
            Ok(Recorded::Stored | Recorded::Duplicate { .. }) => {}
            Ok(Recorded::Conflict) => refusals.push((index, id, Rejection::conflict())),
            Err(error) => return Err(unsure(error)),
        }
    }
    if refusals.is_empty() {
        return Ok(StatusCode::NO_CONTENT);
    }
    refusals.sort_by_key(|(index, ..)| *index);
    Err(refused_batch(&refusals, refusals.len() == total))
}

async fn record(
    storer: &Storer,
    entries: Vec<Entry>,
) -> Result<Vec<Result<Recorded, PortError>>, Problem> {
    storer
        .recorder
        .record(entries)
        .await
        .map_err(|error: RecordError| unsure(error))
}

/// 400 for what cannot be read, 422 for what can and is wrong.
fn refused(rejection: &Rejection) -> Problem {
    let status = match rejection.reason {
        Reason::Malformed => StatusCode::BAD_REQUEST,
        Reason::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let sentence = format!("The event cannot be stored: {}.", rejection.detail);
    with_reason(Problem::new(status, sentence), rejection.reason)
}

fn refused_batch(refusals: &[(usize, String, Rejection)], all: bool) -> Problem {
    let errors: Vec<_> = refusals
        .iter()
        .map(|(index, id, rejection)| {
            json!({
                "index": index,
                "id": id,
                "reason": rejection.reason.as_str(),
                "message": rejection.detail,
            })
        })
        .collect();
    let sentence = if all {
        "No event of the batch can be stored."
    } else {
        "Some events of the batch cannot be stored; the others are."
    };
    let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, sentence).member("errors", errors);
    // A batch has one header for many events: the reason of the first; each has its own in the body.
    with_reason(problem, refusals[0].2.reason)
}

/// A body that did not arrive whole says nothing about its event, so that must come again.
fn unread(problem: Problem) -> Problem {
    match problem.status() {
        StatusCode::PAYLOAD_TOO_LARGE => with_reason(problem, Reason::TooLarge),
        StatusCode::BAD_REQUEST => unsure("the request body broke off"),
        _ => problem,
    }
}

fn with_reason(problem: Problem, reason: Reason) -> Problem {
    problem.header(
        HeaderName::from_static(REASON_HEADER),
        HeaderValue::from_static(reason.as_str()),
    )
}

/// Not known whether it is stored: whoever delivers must come again.
fn unsure(cause: impl Into<BoxError>) -> Problem {
    let sentence = "The store did not confirm. Deliver it again; repeating is harmless.";
    Problem::unavailable(sentence, RETRY_AFTER_S).because(cause)
}
