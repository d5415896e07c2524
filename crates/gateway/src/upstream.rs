//! The address of an upstream, parsed once.

use std::str::FromStr;

use http::Uri;
use http::uri::{Authority, PathAndQuery, Scheme};
use serve::Env;

const EXPECTED: &str = "an http address without credentials, query or fragment, such as http://buy:3000 (https is not spoken)";

/// Where requests go: `http://host[:port][/prefix]`. A request's own path and query are put behind it byte for byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    authority: Authority,
    prefix: String,
}

/// Why a text is not the address of an upstream. The text itself is not repeated: it may hold a password.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BadUpstream {
    #[error("not an absolute http address")]
    NotAnAddress,
    #[error("an {0} address")]
    Scheme(String),
    #[error("an address with credentials")]
    Credentials,
    #[error("an address with a query or fragment")]
    Query,
}

impl FromStr for Upstream {
    type Err = BadUpstream;

    fn from_str(text: &str) -> Result<Self, BadUpstream> {
        if text.contains(['?', '#']) {
            return Err(BadUpstream::Query);
        }
        let parts = Uri::from_str(text.trim())
            .map_err(|_| BadUpstream::NotAnAddress)?
            .into_parts();
        let (Some(scheme), Some(authority)) = (parts.scheme, parts.authority) else {
            return Err(BadUpstream::NotAnAddress);
        };
        if scheme != Scheme::HTTP {
            return Err(BadUpstream::Scheme(scheme.to_string()));
        }
        if authority.as_str().contains('@') {
            return Err(BadUpstream::Credentials);
        }
        let host = authority.host();
        let port_is_bad =
            authority.as_str() != host && authority.port_u16().is_none_or(|port| port == 0);
        if host.is_empty() || port_is_bad {
            return Err(BadUpstream::NotAnAddress);
        }
        let prefix = parts.path_and_query.map_or_else(String::new, |path| {
            path.path().trim_end_matches('/').to_owned()
        });
        Ok(Self { authority, prefix })
    }
}

impl Upstream {
    /// The address in a variable. What is wrong with it is said, the address itself is not: it may hold a password.
    pub fn read(env: &mut Env<'_>, name: &'static str) -> Option<Self> {
        let text: String = env.optional(name, EXPECTED)?;
        let address = text.parse();
        address
            .map_err(|bad: BadUpstream| env.problem(name, EXPECTED, bad.to_string()))
            .ok()
    }

    /// A function on this machine.
    pub fn localhost(port: u16) -> Self {
        let authority = Authority::try_from(format!("localhost:{port}"));
        Self {
            authority: authority.unwrap_or_else(|_| Authority::from_static("localhost")),
            prefix: String::new(),
        }
    }

    /// Host and port to connect to.
    pub(crate) fn address(&self) -> (&str, u16) {
        // An IPv6 address has brackets in a URI and none in a socket address.
        let host = self.authority.host().trim_matches(['[', ']']);
        (host, self.authority.port_u16().unwrap_or(80))
    }

    /// The address of a request whose raw target is `target`.
    pub(crate) fn uri(&self, target: &PathAndQuery) -> Result<Uri, http::Error> {
        let target = if self.prefix.is_empty() {
            target.clone()
        } else {
            PathAndQuery::try_from(format!("{}{target}", self.prefix))?
        };
        Uri::builder()
            .scheme(Scheme::HTTP)
            .authority(self.authority.clone())
            .path_and_query(target)
            .build()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(base: &str, target: &str) -> String {
        let upstream: Upstream = base.parse().unwrap();
        upstream.uri(&target.parse().unwrap()).unwrap().to_string()
    }

    #[test]
    fn target_is_kept_byte_for_byte() {
        for target in [
            "/a%2Fb",
            "/..%2f..",
            "/%2e%2e/x",
            "/a/../b",
            "/%25?x=%2F&y",
            "//double",
        ] {
            assert_eq!(
                uri("http://buy:3000", target),
                format!("http://buy:3000{target}")
            );
            assert_eq!(
                uri("http://buy:3000/shop/", target),
                format!("http://buy:3000/shop{target}")
            );
        }
    }

    #[test]
    fn what_is_not_a_plain_http_address_is_refused() {
        let refused = |text: &str| text.parse::<Upstream>().unwrap_err();
        assert_eq!(refused("https://buy"), BadUpstream::Scheme("https".into()));
        assert_eq!(refused("http://me:secret@buy"), BadUpstream::Credentials);
        assert_eq!(refused("http://buy/?x=1"), BadUpstream::Query);
        for text in [
            "buy:3000",
            "/buy",
            "buy",
            "",
            "http://",
            "http://buy:99999",
            "http://buy:0",
        ] {
            assert_eq!(refused(text), BadUpstream::NotAnAddress, "{text}");
        }
    }
}
