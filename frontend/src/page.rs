//! The static files of the page, part of the binary: there is nothing to mount and nothing that can be missing.
//!
//! Every file has a strong `ETag` and is revalidated on every use, so a new version of the program is a new page at once.

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use uuid::Uuid;

const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
);

pub const HTML: &str = "text/html; charset=utf-8";
pub const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

pub(crate) fn routes() -> Router {
    Router::new()
        .route("/", file(HTML, include_str!("../page/index.html")))
        .route("/page.css", file(CSS, include_str!("../page/page.css")))
        .route("/page.js", file(SCRIPT, include_str!("../page/page.js")))
        .route("/api.js", file(SCRIPT, include_str!("../page/api.js")))
        .route("/list.js", file(SCRIPT, include_str!("../page/list.js")))
        .route("/quote.js", file(SCRIPT, include_str!("../page/quote.js")))
        .route(
            "/surprise.js",
            file(SCRIPT, include_str!("../page/surprise.js")),
        )
}

/// Serves one file with what protects it and what keeps it from being sent twice.
pub fn file(content_type: &'static str, content: &'static str) -> MethodRouter {
    let tag = format!(
        "\"{}\"",
        Uuid::new_v5(&Uuid::NAMESPACE_URL, content.as_bytes()).simple()
    );
    get(move |headers: HeaderMap| {
        let answer = answer(content_type, content, &tag, &headers);
        async move { answer }
    })
}

fn answer(
    content_type: &'static str,
    content: &'static str,
    tag: &str,
    asked: &HeaderMap,
) -> Response {
    let known = asked
        .get_all(IF_NONE_MATCH)
        .iter()
        .any(|value| value.to_str().is_ok_and(|tags| lists(tags, tag)));
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        (
            [(CONTENT_TYPE, HeaderValue::from_static(content_type))],
            content,
        )
            .into_response()
    };
    let headers = response.headers_mut();
    if let Ok(tag) = HeaderValue::from_str(tag) {
        headers.insert(ETAG, tag);
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

/// Whether the value of `If-None-Match` names `tag`, in the weak comparison of RFC 9110 §13.1.2.
fn lists(tags: &str, tag: &str) -> bool {
    tags.split(',')
        .map(str::trim)
        .any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_listed_tag_counts_weak_ones_too() {
        assert!(lists("\"a\", W/\"b\"", "\"b\""));
        assert!(lists("*", "\"b\""));
        assert!(!lists("\"a\", \"bb\"", "\"b\""));
    }
}
