//! The events of AWS Lambda, as requests to the same router.
//!
//! An HTTP API and a function URL send them in the same form (payload 2.0), but not the same path: a function URL hands it on as it
//! was asked for, an HTTP API decodes it first and puts its stage before it. What is decoded twice is another address, so nothing
//! here decodes or normalises; only what cannot be in an address is encoded again.

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{HeaderMap, HeaderValue, SET_COOKIE};
use axum::http::uri::PathAndQuery;
use axum::http::{Response, StatusCode, Uri};
use axum::response::IntoResponse;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use lambda_http::aws_lambda_events::query_map::QueryMap;
use lambda_http::request::RequestContext;
use lambda_http::{RequestExt, service_fn};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use tower::ServiceExt;

use crate::{BoxError, Problem};

/// What is never in the path of an address, beside everything that is not ASCII.
const NOT_IN_PATHS: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// The host takes 6 MB, of which base64 or escaped quotes are up to a third.
const ANSWER_BYTES_MAX: usize = 4 << 20;

/// The stage of a function URL, and of an HTTP API that puts none before its paths.
const NO_STAGE: &str = "$default";

/// Answers one event after the other until `end`. Whatever is being answered then is dropped: Lambda ends no process that has
/// something to do.
///
/// # Errors
///
/// When the host cannot be asked for the next event.
pub(crate) async fn run(app: Router, end: impl Future<Output = ()>) -> Result<(), BoxError> {
    let answer = service_fn(move |event| answer(app.clone(), event));
    tokio::select! {
        biased;
        () = end => Ok(()),
        ended = lambda_http::run(answer) => ended,
    }
}

/// An error is told to the host and not to the client, who gets 502 from it: half an answer is none.
async fn answer(
    app: Router,
    event: lambda_http::Request,
) -> Result<Response<Full<Bytes>>, BoxError> {
    let response = app.oneshot(request(event)?).await?;
    let (mut parts, body) = response.into_parts();
    let body = match Limited::new(body, ANSWER_BYTES_MAX).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            let sentence = "The answer has more than the 4 MiB that AWS Lambda passes on. Ask for a page of it: ?limit=1000";
            let (problem, body) = Problem::new(StatusCode::BAD_REQUEST, sentence)
                .into_response()
                .into_parts();
            parts = problem;
            body.collect().await?.to_bytes()
        }
        Err(error) => return Err(error),
    };
    join_repeated(&mut parts.headers);
    Ok(Response::from_parts(parts, body.into()))
}

/// One line for each name, because the host takes the first of several. They mean the same (RFC 9110 §5.3).
fn join_repeated(headers: &mut HeaderMap) {
    let names: Vec<_> = headers
        .keys()
        .filter(|name| **name != SET_COOKIE)
        .cloned()
        .collect();
    for name in names {
        let values: Vec<_> = headers
            .get_all(&name)
            .iter()
            .map(HeaderValue::as_bytes)
            .collect();
        if values.len() > 1
            && let Ok(joined) = HeaderValue::from_bytes(&values.join(&b", "[..]))
        {
            headers.insert(name, joined);
        }
    }
}

fn request(event: lambda_http::Request) -> Result<Request, BoxError> {
    let stage = match event.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => context.stage.as_deref(),
        _ => None,
    };
    let path = path(event.raw_http_path(), stage.unwrap_or(NO_STAGE));
    let query = if event.raw_http_path().contains(['?', '#']) {
        // The address that was made of this path ends at the wrong place.
        event
            .query_string_parameters_ref()
            .map(QueryMap::to_query_string)
    } else {
        event.uri().query().map(str::to_owned)
    };
    let address = match query.filter(|query| !query.is_empty()) {
        Some(query) => format!("{path}?{query}"),
        None => path,
    };
    let address = PathAndQuery::try_from(address)?;
    let (mut parts, body) = event.into_parts();
    parts.uri = Uri::from(address);
    let body = match body {
        lambda_http::Body::Text(text) => Body::from(text),
        lambda_http::Body::Binary(bytes) => Body::from(bytes),
        _ => Body::empty(),
    };
    Ok(Request::from_parts(parts, body))
}

/// The path as it was asked for, as far as that is known.
fn path(raw: &str, stage: &str) -> String {
    let below = raw
        .strip_prefix('/')
        .and_then(|path| path.strip_prefix(stage));
    let path = match below {
        Some(path) if stage != NO_STAGE && (path.is_empty() || path.starts_with('/')) => path,
        _ => raw,
    };
    let mut encoded = String::from(if path.starts_with('/') { "" } else { "/" });
    encoded.extend(utf8_percent_encode(path, NOT_IN_PATHS));
    encoded
}

#[cfg(test)]
mod tests {
    use super::path;

    #[test]
    fn what_a_function_url_hands_on_stays_as_it_is() {
        for raw in [
            "/buy",
            "/",
            "/lists/a%2Fb",
            "/lists/..%2f",
            "/lists/%2e%2e/x",
            "/lists/%25",
            "//x",
        ] {
            assert_eq!(path(raw, "$default"), raw);
        }
    }

    #[test]
    fn what_an_http_api_decoded_is_an_address_again() {
        assert_eq!(path("/lists/a b", "$default"), "/lists/a%20b");
        assert_eq!(
            path("/lists/émoji?#", "$default"),
            "/lists/%C3%A9moji%3F%23"
        );
    }

    #[test]
    fn a_stage_is_no_part_of_the_path() {
        assert_eq!(path("/live/buy", "live"), "/buy");
        assert_eq!(path("/live", "live"), "/");
        // Behind a domain of one's own there is no stage in the path.
        assert_eq!(path("/buy", "live"), "/buy");
        assert_eq!(path("/livelier/buy", "live"), "/livelier/buy");
    }
}
