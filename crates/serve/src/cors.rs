//! Pages on other origins: which of them may ask, and what they may see.

use std::str::FromStr;
use std::time::Duration;

use axum::http::header::{
    ACCEPT, CONTENT_DISPOSITION, CONTENT_TYPE, ETAG, HeaderName, IF_NONE_MATCH, LINK, LOCATION,
    RETRY_AFTER,
};
use axum::http::{HeaderValue, Method, Uri};
use tower_http::cors::CorsLayer;

/// How long a browser may remember what it may ask. Firefox takes no more than a day, Chromium than two hours.
const REMEMBERED: Duration = Duration::from_secs(3_600);

/// Origins whose pages may ask, separated by commas: a scheme, a host and perhaps a port each.
///
/// There is no `*` and no credentials: who may ask is said by name, and nobody is recognised by a cookie.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins(Vec<HeaderValue>);

impl Origins {
    pub(crate) const EXPECTED: &str =
        "origins such as https://shop.example, separated by commas, without a path, `*` or `null`";

    /// Lets their pages ask; does nothing if there is none. Takes every OPTIONS for a preflight.
    pub(crate) fn layer(self) -> Option<CorsLayer> {
        if self.0.is_empty() {
            return None;
        }
        let names = [
            "idempotency-key",
            "prefer",
            "traceparent",
            "contains",
            "preference-applied",
            "server-timing",
        ];
        let [key, prefer, trace, contains, applied, timing] = names.map(HeaderName::from_static);
        let file = CONTENT_DISPOSITION;
        let shown = [
            ETAG,
            LINK,
            LOCATION,
            RETRY_AFTER,
            file,
            contains,
            applied,
            timing,
        ];
        let layer = CorsLayer::new()
            .allow_origin(self.0)
            .allow_methods([Method::GET, Method::HEAD, Method::POST])
            .allow_headers([ACCEPT, CONTENT_TYPE, IF_NONE_MATCH, key, prefer, trace])
            .expose_headers(shown)
            .max_age(REMEMBERED);
        Some(layer)
    }
}

impl FromStr for Origins {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let origins = text.split(',').map(|origin| origin_of(origin.trim()));
        origins.collect::<Option<_>>().map(Self).ok_or(())
    }
}

/// As a browser writes it: in lower case, without a slash at the end and without the port that its scheme has anyway.
fn origin_of(text: &str) -> Option<HeaderValue> {
    let uri: Uri = text.parse().ok()?;
    let (scheme, authority) = (uri.scheme_str()?, uri.authority()?);
    let standard = match scheme {
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    let host = authority.host();
    // Nothing before the host, and nothing but a number after it.
    let port: Option<u16> = match authority.as_str().strip_prefix(host)?.strip_prefix(':') {
        Some(port) => Some(port.parse().ok()?),
        None if authority.as_str() == host => None,
        None => return None,
    };
    let port = port.filter(|port| *port != standard);
    let port = port.map_or_else(String::new, |port| format!(":{port}"));
    if uri.path() != "/" || uri.query().is_some() || text.contains(['*', '#']) {
        return None;
    }
    HeaderValue::try_from(format!("{scheme}://{host}{port}").to_ascii_lowercase()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_read_as_browsers_write_them() {
        let read = |text: &str| text.parse::<Origins>().map(|origins| origins.0);
        assert_eq!(
            read("https://Shop.example:443/ , http://localhost:5173,http://[::1]").unwrap(),
            [
                "https://shop.example",
                "http://localhost:5173",
                "http://[::1]"
            ]
        );
        for wrong in [
            "*",
            "null",
            "shop.example",
            "https://shop.example/shop",
            "https://shop.example?x",
            "https://ada@shop.example",
            "https://*.shop.example",
            "https://shop.example#x",
            "http://localhost:99999",
            "http://localhost:port",
            "ftp://shop.example",
            "https://shop.example,",
            "https://",
        ] {
            assert_eq!(read(wrong), Err(()), "{wrong}");
        }
    }
}
