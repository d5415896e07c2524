//! Entity tags: whoever has an answer already gets it no second time.

use axum::body::Body;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use uuid::Uuid;

/// A strong validator of RFC 9110 §8.8.3, computed from the bytes of a representation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag(String);

impl Tag {
    #[must_use]
    pub fn of(content: &[u8]) -> Self {
        let hash = Uuid::new_v5(&Uuid::NAMESPACE_URL, content);
        Self(format!("\"{}\"", hash.simple()))
    }

    /// The response with this tag, or 304 instead of it if the client that asked has it.
    pub fn answer(&self, asked: &HeaderMap, mut response: Response) -> Response {
        if self.is_known(asked) {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            *response.body_mut() = Body::empty();
            for header in [CONTENT_TYPE, CONTENT_DISPOSITION] {
                response.headers_mut().remove(header);
            }
        }
        let tag = HeaderValue::try_from(&self.0);
        response.headers_mut().extend(tag.map(|tag| (ETAG, tag)));
        response
    }

    /// Whether `If-None-Match` names it, in the weak comparison of RFC 9110 §13.1.2.
    fn is_known(&self, asked: &HeaderMap) -> bool {
        let values = asked.get_all(IF_NONE_MATCH).into_iter();
        let mut values = values.filter_map(|value| value.to_str().ok());
        // A comma within a tag of others parts it into what is no tag of ours.
        let names = |tags: &str| {
            let mut tags = tags.split(',').map(str::trim);
            tags.any(|tag| tag.strip_prefix("W/").unwrap_or(tag) == self.0)
        };
        values.any(|tags| tags.trim() == "*" || names(tags))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_listed_tag_counts_weak_ones_too() {
        let tag = Tag::of(b"a");
        let known = |value: &str| {
            let mut asked = HeaderMap::new();
            asked.insert(IF_NONE_MATCH, value.parse().unwrap());
            tag.answer(&asked, Response::default()).status() == StatusCode::NOT_MODIFIED
        };
        assert!(known(&tag.0));
        assert!(known(&format!("\"b\", W/{}", tag.0)));
        assert!(known("*"));
        assert!(!known("\"b\""));
        assert!(!known("\"a,*,b\""));
        assert!(!known(&Tag::of(b"b").0));
        let unasked = tag.answer(&HeaderMap::new(), Response::default());
        assert_eq!(unasked.headers()[ETAG], tag.0);
    }
}
