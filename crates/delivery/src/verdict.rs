//! What an answer means for the event that was sent.

use http::StatusCode;

/// The KafkaSource's reading of a status, as observed from its data plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Delivered,
    Retry,
    /// No repetition will change it: a dead letter, at once.
    Refused,
}

impl Verdict {
    /// Success is below 300; 404, 408, 409, 429 and everything from 500 is tried again; the rest, redirects included, is
    /// refused for good.
    #[must_use]
    pub fn of(status: StatusCode) -> Self {
        match status.as_u16() {
            ..300 => Self::Delivered,
            404 | 408 | 409 | 429 | 500.. => Self::Retry,
            _ => Self::Refused,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_read_as_the_kafka_source_reads_them() {
        for (statuses, verdict) in [
            (&[200, 202, 204, 299][..], Verdict::Delivered),
            (
                &[404, 408, 409, 429, 500, 502, 503, 504, 599],
                Verdict::Retry,
            ),
            (
                &[
                    300, 301, 307, 308, 400, 401, 403, 405, 410, 413, 415, 422, 431,
                ],
                Verdict::Refused,
            ),
        ] {
            for status in statuses {
                assert_eq!(
                    Verdict::of(StatusCode::from_u16(*status).unwrap()),
                    verdict,
                    "{status}"
                );
            }
        }
    }
}
