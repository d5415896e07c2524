//! `POST /purchases`: a direct write that never passes the log, so replaying the log does not bring it back.

use axum::extract::{Request, State};
use axum::response::Response;
use intake::Intake;
use purchase::request::Timestamps;
use purchase::{Purchase, Recorded};
use serve::Problem;
use tracing::Span;
use tracing::field::display;

use crate::Storer;
use crate::events::{conflict, refused, unsure};

pub(crate) async fn record(
    State(storer): State<Storer>,
    request: Request,
) -> Result<Response, Problem> {
    let intake = Intake::read(request, Timestamps::Sender).await?;
    let purchase = storer.stamp.identify(intake.purchase, intake.key.as_ref());
    Span::current().record("cloudevents.event_id", display(purchase.id));
    let recorded = storer
        .recorder
        .record(vec![purchase.clone()])
        .await
        .map_err(unsure)?
        .pop();
    match recorded {
        Some(Ok(Recorded::Stored)) => Ok(intake::created(&purchase)),
        // The first time stands, so that is the one to tell.
        Some(Ok(Recorded::Duplicate { timestamp })) => Ok(intake::created(&Purchase {
            timestamp,
            ..purchase
        })),
        Some(Ok(Recorded::Conflict)) => Err(refused(&conflict())),
        Some(Err(error)) => Err(unsure(error)),
        None => Err(unsure("the store gave no answer for the purchase")),
    }
}
