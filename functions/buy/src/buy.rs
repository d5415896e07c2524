//! `POST /buy`.

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;
use intake::{Intake, Unconfirmed, created, unconfirmed};
use purchase::request::Timestamps;
use purchase::{AppendError, PurchaseEvent};
use serve::{Problem, TraceParent};
use tracing::Span;
use tracing::field::display;

use crate::Buy;

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
    let appended = buy.log.append(event).await;
    appended.map_err(|error| {
        let known = match error {
            AppendError::NotRecorded(_) => Unconfirmed::NotRecorded,
            AppendError::Unknown(_) => Unconfirmed::Unknown,
        };
        unconfirmed(known, &purchase, intake.key.is_some(), error)
    })?;
    Ok(created(&purchase))
}
