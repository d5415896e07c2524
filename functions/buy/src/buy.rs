//! `POST /buy`.

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;
use intake::Intake;
use purchase::request::Timestamps;
use purchase::{AppendError, PurchaseEvent, PurchaseId};
use serve::{Problem, TraceParent};
use tracing::Span;
use tracing::field::display;

use crate::Buy;

/// A client that tries again sooner only meets the same outage.
const RETRY_AFTER_S: u32 = 2;

pub(crate) async fn buy(
    State(buy): State<Buy>,
    Extension(trace): Extension<TraceParent>,
    request: Request,
) -> Result<Response, Problem> {
    let intake = Intake::read(request, Timestamps::Receiver).await?;
    let purchase = buy.stamp.identify(intake.purchase, intake.key.as_ref());
    Span::current().record("cloudevents.event_id", display(purchase.id));
    let event = PurchaseEvent {
        purchase: purchase.clone(),
        traceparent: Some(trace.child().to_string()),
    };
    let keyed = intake.key.is_some();
    buy.log
        .append(event)
        .await
        .map_err(|error| not_acknowledged(error, purchase.id, keyed))?;
    Ok(intake::created(&purchase))
}

fn not_acknowledged(error: AppendError, id: PurchaseId, keyed: bool) -> Problem {
    let (recorded, sentence) = match (&error, keyed) {
        (AppendError::NotRecorded(_), _) => (
            "no",
            "The purchase was not recorded. Send it again in a moment.",
        ),
        (AppendError::Unknown(_), true) => (
            "unknown",
            "The purchase may have been recorded or not. Send it again with the same \
             Idempotency-Key: it will not be bought twice.",
        ),
        (AppendError::Unknown(_), false) => (
            "unknown",
            "The purchase may have been recorded or not. Look for its id in the list before you \
             send it again; with an Idempotency-Key you could repeat it safely.",
        ),
    };
    Problem::unavailable(sentence, RETRY_AFTER_S)
        .member("id", id.to_string())
        .member("recorded", recorded)
        .because(error)
}
