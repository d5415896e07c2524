//! Extractors of the URI, so that their rejections are problem+json too.

use axum::extract::{FromRequestParts, Path};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::Problem;

/// The query string as `T`; 400 names the parameter. Repeatable parameters: `Query<Vec<(String, String)>>`.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match axum::extract::Query::try_from_uri(&parts.uri) {
            Ok(axum::extract::Query(value)) => Ok(Self(value)),
            Err(rejection) => Err(bad_query(&rejection.body_text())),
        }
    }
}

/// axum keeps path and message in one text: `<prefix>: <parameter>: <message>`, or without the parameter when the query as a
/// whole is wrong.
fn bad_query(text: &str) -> Problem {
    let reason = text
        .split_once(": ")
        .map_or(text, |(_prefix, reason)| reason);
    let problem = Problem::new(
        StatusCode::BAD_REQUEST,
        format!("The query string is not valid: {reason}."),
    );
    match reason.split_once(": ") {
        Some((name, message)) if !name.contains(' ') => problem.field(name, message),
        _ => problem,
    }
}

/// The one path parameter of a route such as `/x/{*tail}`, percent-decoded once, so that `%2F` and `%25` in it survive;
/// 400 when it is not UTF-8.
#[derive(Debug)]
pub struct Tail(pub String);

impl<S: Send + Sync> FromRequestParts<S> for Tail {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::<String>::from_request_parts(parts, state).await {
            Ok(Path(tail)) => Ok(Self(tail)),
            Err(rejection) if rejection.status().is_client_error() => Err(Problem::new(
                StatusCode::BAD_REQUEST,
                "The path is not valid UTF-8 after percent-decoding.",
            )),
            Err(rejection) => Err(Problem::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "The request could not be handled.",
            )
            .because(rejection)),
        }
    }
}
