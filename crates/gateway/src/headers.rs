//! Which headers of a message are meant for the next hop only (RFC 9110 §7.6.1) and so end at the gateway.

use http::header::{
    CONNECTION, EXPECT, HOST, HeaderMap, HeaderName, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE,
    TRAILER, TRANSFER_ENCODING, UPGRADE,
};

const HOP_BY_HOP: [HeaderName; 9] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Removes what is meant for one hop: the known names and those that `Connection` lists.
pub(crate) fn end_to_end(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in HOP_BY_HOP.iter().chain(&named) {
        headers.remove(name);
    }
}

/// A request's headers for the upstream. `Host` becomes the upstream's (the client sets it), because platforms route by it.
/// `Expect` was already met: the server side sends `100 Continue` as soon as the body is wanted.
pub(crate) fn for_upstream(headers: &mut HeaderMap) {
    end_to_end(headers);
    headers.remove(HOST);
    headers.remove(EXPECT);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn known_hop_by_hop_headers_end_here() {
        let mut all: HeaderMap = HOP_BY_HOP
            .iter()
            .map(|name| (name.clone(), "x".parse().unwrap()))
            .collect();
        all.append("etag", "\"1\"".parse().unwrap());
        end_to_end(&mut all);
        assert_eq!(all, headers(&[("etag", "\"1\"")]));
    }

    #[test]
    fn headers_named_by_connection_end_here() {
        let mut all = headers(&[
            ("x-one", "1"),
            ("x-two", "2"),
            ("x-three", "3"),
            ("content-type", "text/csv"),
        ]);
        all.append(CONNECTION, "close, X-One".parse().unwrap());
        all.append(CONNECTION, " x-two ,, no token".parse().unwrap());
        end_to_end(&mut all);
        assert_eq!(
            all,
            headers(&[("x-three", "3"), ("content-type", "text/csv")])
        );
    }

    #[test]
    fn upstream_gets_its_own_host_and_no_expectation() {
        let mut all = headers(&[
            ("host", "shop.example"),
            ("expect", "100-continue"),
            ("prefer", "wait=3"),
        ]);
        for_upstream(&mut all);
        assert_eq!(all, headers(&[("prefer", "wait=3")]));
    }
}
