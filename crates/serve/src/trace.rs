//! W3C trace context: the `traceparent` that came in, or a new one, so that a request can be followed across functions.

use std::fmt;
use std::str::FromStr;

use axum::http::HeaderMap;

/// Which trace this request belongs to, and its own span in it. In the extensions of every request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent {
    trace: u128,
    span: u64,
    flags: u8,
}

/// A `traceparent` that must be ignored, by the W3C recommendation.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a traceparent")]
pub struct BadTraceParent;

impl TraceParent {
    /// A new span of the caller's trace, or of a new trace when the caller names none that is valid.
    pub fn of(headers: &HeaderMap) -> Self {
        let mut values = headers.get_all("traceparent").iter();
        let parent = match (values.next(), values.next()) {
            (Some(only), None) => only
                .to_str()
                .ok()
                .and_then(|text| text.parse::<Self>().ok()),
            _ => None,
        };
        parent.map_or_else(Self::new, Self::child)
    }

    /// A new trace, sampled: all its spans are logged.
    #[expect(
        clippy::new_without_default,
        reason = "a default is expected to be the same every time"
    )]
    pub fn new() -> Self {
        Self {
            trace: u128::from(random()) << 64 | u128::from(random()),
            span: random(),
            flags: 1,
        }
    }

    /// The same trace with a new span.
    pub fn child(self) -> Self {
        Self {
            span: random(),
            ..self
        }
    }

    /// 32 hexadecimal digits.
    pub fn trace_id(self) -> String {
        format!("{:032x}", self.trace)
    }
}

/// Never zero, which the format forbids. An id is no secret and no key: without a source of randomness traces run
/// together, which is better than a request that fails.
fn random() -> u64 {
    getrandom::u64().unwrap_or(1).max(1)
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "00-{:032x}-{:016x}-{:02x}",
            self.trace, self.span, self.flags
        )
    }
}

impl FromStr for TraceParent {
    type Err = BadTraceParent;

    /// Later versions may append fields after another dash; version 00 may not, and ff is forbidden.
    fn from_str(text: &str) -> Result<Self, BadTraceParent> {
        let mut fields = text.split('-');
        let mut hex = |digits: usize| {
            let field = fields.next().filter(|field| field.len() == digits)?;
            let lower = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
            field.bytes().all(lower).then_some(field)
        };
        let mut parse = || {
            let version = u8::from_str_radix(hex(2)?, 16).ok()?;
            let trace = u128::from_str_radix(hex(32)?, 16).ok()?;
            let span = u64::from_str_radix(hex(16)?, 16).ok()?;
            let flags = u8::from_str_radix(hex(2)?, 16).ok()?;
            Some((version, Self { trace, span, flags }))
        };
        let (version, parsed) = parse().ok_or(BadTraceParent)?;
        let more = fields.next().is_some();
        if version == 0xff || (version == 0 && more) || parsed.trace == 0 || parsed.span == 0 {
            return Err(BadTraceParent);
        }
        Ok(parsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALID: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_valid_traceparent_is_read_and_written_unchanged() {
        assert_eq!(VALID.parse::<TraceParent>().unwrap().to_string(), VALID);
    }

    #[test]
    fn a_child_keeps_the_trace_and_changes_the_span() {
        let parent: TraceParent = VALID.parse().unwrap();
        let child = parent.child();
        assert_eq!(child.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_ne!(child.span, parent.span);
    }

    #[test]
    fn what_the_recommendation_forbids_is_refused() {
        for bad in [
            "",
            "00",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(bad.parse::<TraceParent>(), Err(BadTraceParent), "{bad}");
        }
        assert!(
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more"
                .parse::<TraceParent>()
                .is_ok()
        );
    }

    #[test]
    fn two_traceparents_are_as_good_as_none() {
        let mut headers = HeaderMap::new();
        headers.append("traceparent", VALID.parse().unwrap());
        assert_eq!(
            TraceParent::of(&headers).trace_id(),
            "4bf92f3577b34da6a3ce929d0e0e4736"
        );
        headers.append("traceparent", VALID.parse().unwrap());
        assert_ne!(
            TraceParent::of(&headers).trace_id(),
            "4bf92f3577b34da6a3ce929d0e0e4736"
        );
    }
}
