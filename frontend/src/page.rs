//! The static files of the page, part of the binary: there is nothing to mount and nothing that can be missing.
//!
//! Every file has a strong `ETag` and is revalidated on every use, so a new version of the program is a new page at once.

use axum::Router;
use axum::response::IntoResponse as _;
use axum::routing::{MethodRouter, get};
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue};
use serve::Tag;

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
    let tag = Tag::of(content.as_bytes());
    get(async move |asked: HeaderMap| {
        let headers = [
            (CONTENT_TYPE, HeaderValue::from_static(content_type)),
            (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
            (CONTENT_SECURITY_POLICY, POLICY),
            (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
            (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        ];
        tag.answer(&asked, (headers, content).into_response())
    })
}
