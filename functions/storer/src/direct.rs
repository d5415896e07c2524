//! `POST /purchases`: a direct write that never passes the log, so replaying the log does not bring it back.

use axum::extract::{Request, State};
use axum::response::Response;
use delivery::RecordError;
use http::StatusCode;
use intake::{Intake, Unconfirmed, created, unconfirmed};
use purchase::request::Timestamps;
use purchase::{Purchase, Recorded};
use serve::{BoxError, Problem};
use tracing::Span;
use tracing::field::display;

use crate::Storer;

pub(crate) async fn record(
    State(storer): State<Storer>,
    request: Request,
) -> Result<Response, Problem> {
    let intake = Intake::read(request, Timestamps::Sender).await?;
    let purchase = storer.stamp.identify(intake.purchase, intake.key.as_ref());
    Span::current().record("cloudevents.event_id", display(purchase.id));
    let keyed = intake.key.is_some();
    let not_confirmed = |known, cause: BoxError| unconfirmed(known, &purchase, keyed, cause);

    let recorded = match storer.recorder.record(vec![purchase.clone().into()]).await {
        Ok(mut recorded) => recorded.pop(),
        Err(error @ RecordError::Saturated) => {
            return Err(not_confirmed(Unconfirmed::NotRecorded, error.into()));
        }
        Err(error) => return Err(not_confirmed(Unconfirmed::Unknown, error.into())),
    };
    match recorded {
        Some(Ok(Recorded::Stored)) => Ok(created(&purchase)),
        // The first time stands, so that is the one to tell.
        Some(Ok(Recorded::Duplicate { timestamp })) => Ok(created(&Purchase {
            timestamp,
            ..purchase
        })),
        Some(Ok(Recorded::Conflict)) => Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "The id of this purchase is taken by another one, which stands. Use another \
             Idempotency-Key.",
        )),
        Some(Err(error)) => Err(not_confirmed(Unconfirmed::Unknown, error.into())),
        None => Err(not_confirmed(
            Unconfirmed::Unknown,
            "no answer from the store".into(),
        )),
    }
}
