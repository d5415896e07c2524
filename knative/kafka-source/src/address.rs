//! The address of a sink, parsed once.

use std::fmt;
use std::str::FromStr;

use http::Uri;
use http::uri::Scheme;
use serve::Env;
use thiserror::Error;

/// An absolute http address. Shown as it was given: a dead letter names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    uri: Uri,
    text: String,
}

/// Why a text is not the address of a sink. The text itself is not repeated: it may hold a password.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum BadAddress {
    #[error("no absolute http address")]
    NotAnAddress,
    #[error("an {0} address")]
    Scheme(String),
    #[error("an address with credentials")]
    Credentials,
}

impl Address {
    /// storer on this machine.
    pub(crate) fn local_storer() -> Self {
        const TEXT: &str = "http://localhost:3001/";
        Self {
            uri: Uri::from_static(TEXT),
            text: TEXT.to_owned(),
        }
    }

    /// For the log: a query may hold a token.
    #[must_use]
    pub fn without_query(&self) -> &str {
        self.text.split('?').next().unwrap_or_default()
    }

    pub(crate) fn uri(&self) -> &Uri {
        &self.uri
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Address {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        let uri: Uri = text.parse().map_err(|_| BadAddress::NotAnAddress)?;
        let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
            return Err(BadAddress::NotAnAddress);
        };
        if *scheme != Scheme::HTTP {
            return Err(BadAddress::Scheme(scheme.to_string()));
        }
        if authority.as_str().contains('@') {
            return Err(BadAddress::Credentials);
        }
        let port_is_bad = authority.as_str() != authority.host()
            && authority.port_u16().is_none_or(|port| port == 0);
        if authority.host().is_empty() || port_is_bad {
            return Err(BadAddress::NotAnAddress);
        }
        Ok(Self {
            uri,
            text: text.to_owned(),
        })
    }
}

/// What is wrong with an address is said, the address itself is not: it may hold a password.
pub(crate) fn read_address(env: &mut Env<'_>, name: &'static str) -> Option<Address> {
    const EXPECTED: &str =
        "an http address without credentials, such as http://localhost:3001/ (https is not spoken)";

    let text: String = env.optional(name, EXPECTED)?;
    text.parse()
        .map_err(|bad: BadAddress| env.problem(name, EXPECTED, bad.to_string()))
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_and_query_are_kept_byte_for_byte() {
        for text in [
            "http://storer",
            "http://storer.shop.svc:80/a/../b%2Fc?x=%2F",
            "http://[::1]:1/",
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.to_string(), text);
        }
        let address: Address = "http://s/a/../b%2Fc?x=%2F".parse().unwrap();
        assert_eq!(address.uri().path_and_query().unwrap(), "/a/../b%2Fc?x=%2F");
    }

    #[test]
    fn what_is_not_a_plain_http_address_is_refused() {
        let refused = |text: &str| text.parse::<Address>().unwrap_err();
        assert_eq!(refused("https://s"), BadAddress::Scheme("https".into()));
        assert_eq!(refused("http://me:secret@s"), BadAddress::Credentials);
        for text in [
            "",
            "s",
            "s:1",
            "/a",
            "http://",
            "http://s:0",
            "http://s:99999",
        ] {
            assert_eq!(refused(text), BadAddress::NotAnAddress, "{text}");
        }
    }
}
