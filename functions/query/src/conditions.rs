//! What a client asks of a list: how much, from where, and whether to wait for something to be in it.

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use purchase::{Cursor, PurchaseId};
use serve::Problem;

/// The longest page.
pub const LIMIT_MAX: usize = 1_000;
/// Purchases that one request can wait for.
pub const CONTAINS_MAX: usize = 100;
/// The longest wait for them.
pub const WAIT_MAX: Duration = Duration::from_secs(10);

/// The parameters of a list.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Conditions {
    pub(crate) limit: Option<usize>,
    pub(crate) after: Option<Cursor>,
    pub(crate) contains: Vec<PurchaseId>,
    /// The sums of the whole list instead of it, whatever page is asked for.
    pub(crate) summary: bool,
}

impl Conditions {
    /// From the query string; unknown parameters are ignored.
    pub(crate) fn parse(pairs: &[(String, String)]) -> Result<Self, Problem> {
        let mut conditions = Self::paging(pairs)?;
        let mut summary = None;
        for (name, value) in pairs {
            match name.as_str() {
                "contains" => {
                    let id = value.parse().map_err(|error| bad(name, &error))?;
                    conditions.contains.push(id);
                }
                "summary" => once(name, &mut summary, parse_bool(name, value)?)?,
                _ => {}
            }
        }
        conditions.summary = summary.unwrap_or_default();
        if conditions.contains.len() > CONTAINS_MAX {
            let found = conditions.contains.len();
            let message =
                format!("must be given at most {CONTAINS_MAX} times, but is given {found} times");
            return Err(bad("contains", &message));
        }
        Ok(conditions)
    }

    /// The same of a list that nothing is waited for in.
    pub(crate) fn paging(pairs: &[(String, String)]) -> Result<Self, Problem> {
        let mut conditions = Self::default();
        for (name, value) in pairs {
            match name.as_str() {
                "limit" => once(name, &mut conditions.limit, parse_limit(value)?)?,
                "cursor" => {
                    let cursor = value.parse().map_err(|error| bad(name, &error))?;
                    once(name, &mut conditions.after, cursor)?;
                }
                _ => {}
            }
        }
        Ok(conditions)
    }
}

fn once<T>(name: &str, slot: &mut Option<T>, value: T) -> Result<(), Problem> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(bad(name, &"must be given once, but is given twice")),
    }
}

fn parse_bool(name: &str, value: &str) -> Result<bool, Problem> {
    value
        .parse()
        .map_err(|_| bad(name, &"must be true or false"))
}

fn parse_limit(value: &str) -> Result<usize, Problem> {
    let digits = value.bytes().all(|byte| byte.is_ascii_digit());
    value
        .parse()
        .ok()
        .filter(|_| digits)
        .filter(|limit| (1..=LIMIT_MAX).contains(limit))
        .ok_or_else(|| {
            bad(
                "limit",
                &format!("must be a whole number from 1 to {LIMIT_MAX}"),
            )
        })
}

fn bad(name: &str, message: &dyn std::fmt::Display) -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        format!("The parameter {name} {message}."),
    )
    .field(name, message.to_string())
}

/// `Prefer: wait=N` of RFC 7240, in whole seconds, at most 10. A preference that cannot be read is no preference.
pub(crate) fn preferred_wait(headers: &HeaderMap) -> Option<Duration> {
    headers
        .get_all("prefer")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|preference| {
            let preference = preference.split(';').next().unwrap_or_default();
            let (name, value) = preference.split_once('=')?;
            let seconds = value.trim().trim_matches('"').parse().ok()?;
            name.trim()
                .eq_ignore_ascii_case("wait")
                .then_some(Duration::from_secs(seconds))
        })
        .next()
        .map(|wait| wait.min(WAIT_MAX))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn wait(value: &'static str) -> Option<u64> {
        let mut headers = HeaderMap::new();
        headers.insert("prefer", HeaderValue::from_static(value));
        preferred_wait(&headers).map(|wait| wait.as_secs())
    }

    #[test]
    fn a_wait_is_read_as_rfc_7240_writes_it() {
        assert_eq!(wait("wait=5"), Some(5));
        assert_eq!(wait("respond-async, Wait = \"7\"; x=y"), Some(7));
        assert_eq!(wait("wait=3600"), Some(10));
        assert_eq!(wait("wait=soon"), None);
        assert_eq!(wait("wait=-1"), None);
        assert_eq!(wait("return=minimal"), None);
        assert_eq!(preferred_wait(&HeaderMap::new()), None);
    }
}
