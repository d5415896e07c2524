//! The answer to a recorded purchase.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::LOCATION;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use purchase::Purchase;
use purchase::wire::PurchaseJson;
use serde::Serialize;

/// Everything but the unreserved characters of RFC 3986, so that a user id with `/`, `%` or `.` stays one part of the path.
const PATH_PART: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

#[derive(Serialize)]
struct Created<'a> {
    message: &'static str,
    purchase: PurchaseJson<'a>,
}

/// 201 with the purchase, and the address of the list that it is on.
#[must_use]
pub fn created(purchase: &Purchase) -> Response {
    let body = Created {
        message: "Purchase recorded",
        purchase: purchase.into(),
    };
    (
        StatusCode::CREATED,
        [(LOCATION, list_of(purchase))],
        Json(body),
    )
        .into_response()
}

/// The path of the list that a purchase is on.
pub(crate) fn list_of(purchase: &Purchase) -> String {
    let userid = utf8_percent_encode(purchase.userid.as_str(), PATH_PART);
    format!("/getAllUserBuys/{userid}")
}
