//! `GET /getAllUserBuys/{userid}` and its kin.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderName, LINK, VARY};
use http::{HeaderMap, HeaderValue, StatusCode};
use purchase::{Cursor, Owner, PortError, Purchase, UserId};
use serve::{Problem, Query as Parameters, Tag, Tail};

use crate::Query;
use crate::conditions::{Conditions, preferred_wait};
use crate::format::{Format, attachment};
use crate::stream::whole;

const CONTAINS: HeaderName = HeaderName::from_static("contains");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// Unless asked for less: the list of everyone has no natural end.
pub const EVERYONE_LIMIT: usize = 500;
/// The longest page that gets a tag: to make one, the page is read and hashed even if the client has it.
pub const TAGGED_LIMIT: usize = 500;
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
    let mut response = if conditions.summary {
        let summary = query.reader.summarize(&userid).await;
        Json(summary.map_err(sums_unavailable)?).into_response()
    } else {
        list(&query, Owner::User(userid), &conditions, &headers).await?
    };
    response.headers_mut().extend(waited);
    Ok(response)
}

pub(crate) async fn everyone(
    State(query): State<Query>,
    Parameters(pairs): Parameters<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let mut conditions = Conditions::paging(&pairs)?;
    conditions.limit.get_or_insert(EVERYONE_LIMIT);
    list(&query, Owner::Everyone, &conditions, &headers).await
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

async fn list(
    query: &Query,
    owner: Owner,
    conditions: &Conditions,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let format = Format::preferred(headers);
    let mut said = HeaderMap::new();
    said.insert(
        CONTENT_TYPE,
        HeaderValue::from_static(format.content_type()),
    );
    said.insert(VARY, HeaderValue::from_static("accept"));
    if format == Format::Csv {
        let attachment = HeaderValue::try_from(attachment(&owner));
        said.extend(attachment.map(|attachment| (CONTENT_DISPOSITION, attachment)));
    }
    let Some(limit) = conditions.limit else {
        let body = whole(query.reader.clone(), owner, conditions.after, format).await;
        return Ok((said, body.map_err(unavailable)?).into_response());
    };
    let (purchases, link) = page(query, &owner, conditions.after, limit).await?;
    said.extend(link.map(|link| (LINK, link)));
    let content = format.whole(&purchases);
    // What is waited for comes while the list stays the same.
    if limit > TAGGED_LIMIT || !conditions.contains.is_empty() {
        return Ok((said, content).into_response());
    }
    let link = said.get(LINK).map_or(&[][..], HeaderValue::as_bytes);
    let tag = Tag::of(&[&content, link].concat());
    Ok(tag.answer(headers, (said, content).into_response()))
}

/// A page, and where it goes on if there is more.
async fn page(
    query: &Query,
    owner: &Owner,
    after: Option<Cursor>,
    limit: usize,
) -> Result<(Vec<Purchase>, Option<HeaderValue>), Problem> {
    // One more than asked for tells whether there is a next page.
    let listed = query.reader.list(owner, after, limit + 1).await;
    let mut purchases = listed.map_err(unavailable)?;
    let more = purchases.len() > limit;
    purchases.truncate(limit);
    let next = purchases.last().filter(|_| more).map(Purchase::cursor);
    // Relative, so that it resolves behind any prefix a gateway may add.
    let link = next.and_then(|cursor| {
        HeaderValue::try_from(format!("<?cursor={cursor}&limit={limit}>; rel=\"next\"")).ok()
    });
    Ok((purchases, link))
}

fn unavailable(cause: PortError) -> Problem {
    let sentence = "The list cannot be read at the moment. Try again soon; nothing is lost.";
    Problem::unavailable(sentence, RETRY_AFTER_S).because(cause)
}

fn sums_unavailable(cause: PortError) -> Problem {
    let sentence =
        "The sums cannot be had at the moment. Try again soon, or read the list; nothing is lost.";
    Problem::unavailable(sentence, RETRY_AFTER_S).because(cause)
}
