//! `GET /getAllUserBuys/{userid}` and its kin.

use axum::extract::State;
use axum::response::Response;
use http::header::{CONTENT_TYPE, HeaderName, LINK};
use http::{HeaderMap, HeaderValue, StatusCode};
use purchase::{Owner, PortError, Purchase, UserId};
use serve::{Problem, Query as Parameters, Tail};

use crate::Query;
use crate::conditions::{Conditions, preferred_wait};
use crate::stream;

const CONTAINS: HeaderName = HeaderName::from_static("contains");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// Unless asked for less: the list of everyone has no natural end.
pub const EVERYONE_LIMIT: usize = 500;
const RETRY_AFTER_S: u32 = 2;

pub(crate) async fn user(
    State(query): State<Query>,
    Tail(userid): Tail,
    Parameters(pairs): Parameters<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let conditions = Conditions::parse(&pairs)?;
    let userid = UserId::recorded(userid).map_err(|error| {
        let sentence = format!("The user id in the path {error}.");
        Problem::new(StatusCode::BAD_REQUEST, sentence).field("userid", error.to_string())
    })?;
    let waited = wait(&query, &userid, &conditions, &headers).await?;
    let mut response = list(&query, Owner::User(userid), &conditions).await?;
    response.headers_mut().extend(waited);
    Ok(response)
}

pub(crate) async fn everyone(
    State(query): State<Query>,
    Parameters(pairs): Parameters<Vec<(String, String)>>,
) -> Result<Response, Problem> {
    let mut conditions = Conditions::paging(&pairs)?;
    conditions.limit.get_or_insert(EVERYONE_LIMIT);
    list(&query, Owner::Everyone, &conditions).await
}

/// Waits until the list contains what was asked for, or as long as the client prefers; says which of the two it was.
async fn wait(
    query: &Query,
    userid: &UserId,
    conditions: &Conditions,
    headers: &HeaderMap,
) -> Result<HeaderMap, Problem> {
    let mut said = HeaderMap::new();
    if conditions.contains.is_empty() {
        return Ok(said);
    }
    let preferred = preferred_wait(headers);
    let ids = conditions.contains.clone();
    let answer = query
        .waiters
        .wait(userid, ids, preferred.unwrap_or_default())
        .await
        .map_err(unavailable)?;
    said.insert(
        CONTAINS,
        HeaderValue::from_static(if answer.contained { "true" } else { "false" }),
    );
    if let Some(wait) = preferred.filter(|_| !answer.turned_away) {
        let applied = HeaderValue::try_from(format!("wait={}", wait.as_secs()));
        said.extend(applied.map(|applied| (PREFERENCE_APPLIED, applied)));
    }
    Ok(said)
}

async fn list(query: &Query, owner: Owner, conditions: &Conditions) -> Result<Response, Problem> {
    match conditions.limit {
        Some(limit) => page(query, &owner, conditions, limit).await,
        None => stream::whole(query.reader.clone(), owner, conditions.after)
            .await
            .map(|body| json(body, None))
            .map_err(unavailable),
    }
}

async fn page(
    query: &Query,
    owner: &Owner,
    conditions: &Conditions,
    limit: usize,
) -> Result<Response, Problem> {
    // One more than asked for tells whether there is a next page.
    let mut purchases = query
        .reader
        .list(owner, conditions.after, limit + 1)
        .await
        .map_err(unavailable)?;
    let more = purchases.len() > limit;
    purchases.truncate(limit);
    let next = purchases.last().filter(|_| more).map(Purchase::cursor);
    // Relative, so that it resolves behind any prefix a gateway may add.
    let link = next.and_then(|cursor| {
        HeaderValue::try_from(format!("<?cursor={cursor}&limit={limit}>; rel=\"next\"")).ok()
    });
    Ok(json(stream::array(&purchases).into(), link))
}

fn json(body: axum::body::Body, link: Option<HeaderValue>) -> Response {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.extend(link.map(|link| (LINK, link)));
    response
}

fn unavailable(cause: PortError) -> Problem {
    let sentence = "The list cannot be read at the moment. Try again soon; nothing is lost.";
    Problem::unavailable(sentence, RETRY_AFTER_S).because(cause)
}
