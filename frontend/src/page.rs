//! The static files of the page, part of the binary: there is nothing to mount and nothing that can be missing.
//!
//! Every file has a strong `ETag` and is revalidated on every use, so a new version of the program is a new page at once. They are
//! compressed when the program is built.

use std::borrow::Cow;
use std::io::Write as _;

use axum::Router;
use axum::body::Body;
use axum::extract::RawQuery;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, get};
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use maud::Render as _;
use serve::Tag;

use crate::plain::PLAIN;

/// Nothing but what this program serves itself; no script and no style within a page.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
);
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");

pub const HTML: &str = "text/html; charset=utf-8";
pub const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const DRAWING: &str = "image/svg+xml";

struct File {
    name: &'static str,
    content_type: &'static str,
    plain: &'static [u8],
    gzip: &'static [u8],
}

/// `build.rs` writes it.
const FILES: &[File] = include!(concat!(env!("OUT_DIR"), "/files.rs"));
const INDEX: &str = "index.html";

/// All files but the page itself, under their names.
pub(crate) fn files() -> Router {
    let files = FILES.iter().filter(|file| file.name != INDEX);
    files.fold(Router::new(), |router, file| {
        let path = format!("/{}", file.name);
        let answer = async move |asked: HeaderMap| file.answer(&asked);
        router.route(&path, get(answer))
    })
}

/// The page. Where no scripts run, it sends to the plain one with the same query.
pub(crate) fn index(query: RawQuery, asked: &HeaderMap) -> Response {
    // A build without it has a test that fails.
    let Some(file) = FILES.iter().find(|file| file.name == INDEX) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let RawQuery(Some(query)) = query else {
        return file.answer(asked);
    };
    let address = format!("?{query}&{PLAIN}").render().into_string();
    let page = String::from_utf8_lossy(file.plain)
        .replace(&format!("url=?{PLAIN}"), &format!("url={address}"));
    answer(asked, HTML, page, compressed)
}

/// Serves one file with what protects it and what keeps it from being sent twice.
pub fn file(content_type: &'static str, content: &'static str) -> MethodRouter {
    let tag = Tag::of(content.as_bytes());
    get(async move |asked: HeaderMap| {
        tag.answer(&asked, (protected(content_type), content).into_response())
    })
}

impl File {
    fn answer(&self, asked: &HeaderMap) -> Response {
        answer(asked, self.content_type, self.plain, |_| self.gzip.into())
    }
}

/// The content, or the same `compressed` for whoever takes that; each has a tag of its own.
fn answer<C: AsRef<[u8]> + Into<Body>>(
    asked: &HeaderMap,
    content_type: &'static str,
    content: C,
    compressed: impl FnOnce(&[u8]) -> Cow<'static, [u8]>,
) -> Response {
    let mut headers = HeaderMap::from_iter(protected(content_type));
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if !takes_gzip(asked) {
        let tag = Tag::of(content.as_ref());
        return tag.answer(asked, (headers, content.into()).into_response());
    }
    headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    let content = compressed(content.as_ref());
    let tag = Tag::of(&content);
    let mut response = tag.answer(asked, (headers, Body::from(content)).into_response());
    if response.status() == StatusCode::NOT_MODIFIED {
        response.headers_mut().remove(CONTENT_ENCODING);
    }
    response
}

/// Of what is made while somebody waits.
fn compressed(content: &[u8]) -> Cow<'static, [u8]> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    // A vector takes everything.
    let written = encoder.write_all(content).and_then(|()| encoder.finish());
    written.unwrap_or_default().into()
}

/// The headers of everything that a browser shows or runs.
pub(crate) fn protected(content_type: &'static str) -> [(HeaderName, HeaderValue); 8] {
    let value = HeaderValue::from_static;
    [
        (CONTENT_TYPE, value(content_type)),
        (CACHE_CONTROL, value("no-cache")),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, value("nosniff")),
        (REFERRER_POLICY, value("no-referrer")),
        (OPENER_POLICY, value("same-origin")),
        (RESOURCE_POLICY, value("same-origin")),
        (
            PERMISSIONS_POLICY,
            value("camera=(), geolocation=(), microphone=()"),
        ),
    ]
}

/// By RFC 9110 §12.5.3: it is named, and not with a weight of zero.
fn takes_gzip(asked: &HeaderMap) -> bool {
    let values = asked.get_all(ACCEPT_ENCODING).into_iter();
    let mut codings = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    codings.any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let named = parts
            .next()
            .is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        let weight = parts
            .find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")))
            .unwrap_or("1");
        named && weight.parse::<f32>().is_ok_and(|weight| weight > 0.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_sent_to_those_who_take_it() {
        let takes = |value: &'static str| {
            let asked = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(value))]);
            takes_gzip(&asked)
        };
        assert!(takes("gzip"));
        assert!(takes("br, GZIP;q=0.5"));
        assert!(!takes("br, gzip;q=0"));
        assert!(!takes("gzip;q=0.000"));
        assert!(!takes("gzip;Q=0"));
        assert!(!takes("identity"));
        assert!(!takes_gzip(&HeaderMap::new()));
    }
}
