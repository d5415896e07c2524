//! Why there is no answer of the upstream to pass on, and what the client is told.

use axum::BoxError;
use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};
use hyper_util::client::legacy;
use serve::{OverCap, Problem, is_caused_by};

use crate::paced::{Broken, Stalled};

#[derive(Debug)]
pub(crate) enum Failure {
    /// No connection: the upstream has seen nothing of the request.
    Unreachable(BoxError),
    /// The connection broke, or carried something that is not HTTP, before the head of an answer.
    Broken(BoxError),
    /// No head of an answer in time.
    Late,
    /// The client stopped sending its own body.
    ClientStalled,
    /// The client's body is no HTTP, or ended too early. What came of it ended in the middle for the upstream too.
    ClientBroke(BoxError),
    /// No place for it here. Its end was kept back, so for the upstream it broke off.
    OverCap,
}

impl Failure {
    pub(crate) fn of(error: legacy::Error) -> Self {
        if error.is_connect() {
            Self::Unreachable(error.into())
        } else if is_caused_by::<OverCap>(&error) {
            Self::OverCap
        } else if is_caused_by::<Stalled>(&error) {
            Self::ClientStalled
        } else if is_caused_by::<Broken>(&error) {
            Self::ClientBroke(error.into())
        } else {
            Self::Broken(error.into())
        }
    }

    /// The request could not be put into words for the upstream, so it was not sent.
    pub(crate) fn unsendable(error: http::Error) -> Self {
        Self::Unreachable(error.into())
    }

    /// The answer. To a purchase it says whether the purchase may have been recorded: `recorded` is `no` or `unknown`.
    pub(crate) fn problem(self, buys: bool) -> Problem {
        let (status, recorded, what, cause) = match self {
            Self::Unreachable(cause) => (
                StatusCode::BAD_GATEWAY,
                "no",
                "The service cannot be reached.",
                Some(cause),
            ),
            Self::Broken(cause) => (
                StatusCode::BAD_GATEWAY,
                "unknown",
                "The service closed the connection before it answered.",
                Some(cause),
            ),
            Self::Late => (
                StatusCode::GATEWAY_TIMEOUT,
                "unknown",
                "The service did not answer in time.",
                None,
            ),
            Self::ClientStalled => (
                StatusCode::REQUEST_TIMEOUT,
                "unknown",
                "The request stopped arriving.",
                None,
            ),
            Self::ClientBroke(cause) => (
                StatusCode::BAD_REQUEST,
                "no",
                "The request body broke off.",
                Some(cause),
            ),
            Self::OverCap => return OverCap::problem(),
        };
        let then = match (buys, recorded) {
            (false, _) => "Try again in a moment.",
            (true, "no") => "The purchase was not recorded: try again in a moment.",
            (true, _) => {
                "The purchase may or may not be recorded: repeat the request with the same Idempotency-Key."
            }
        };
        let mut problem = Problem::new(status, format!("{what} {then}"))
            .header(RETRY_AFTER, HeaderValue::from_static("1"));
        if buys {
            problem = problem.member("recorded", recorded);
        }
        match cause {
            Some(cause) => problem.because(cause),
            None => problem,
        }
    }
}
