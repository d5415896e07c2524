//! What a sink said to an event that it did not take.

use bytes::Bytes;
use http::{Response, StatusCode};
use purchase::event::Reason;

use crate::verdict::Verdict;

/// The header in which a sink says why it refuses; the KafkaSource copies `Kne-…` headers into the dead letter.
pub const REASON_HEADER: &str = "kne-reason";

const KNE_PREFIX: &str = "kne-";

/// As much of an answer's body as a dead letter keeps, in bytes.
pub const ANSWER_BYTES_MAX: usize = 1_024;

/// As much of an answer as a dead letter keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: StatusCode,
    /// The `Kne-…` headers: what is behind the prefix in lower case, and the value, each byte a character.
    pub kne: Vec<(String, String)>,
    /// The beginning of the body, at most [`ANSWER_BYTES_MAX`] bytes.
    pub body: Bytes,
}

impl Answer {
    pub(crate) fn of(answer: Response<Bytes>) -> Self {
        let (head, body) = answer.into_parts();
        let kne = head.headers.iter().filter_map(|(name, value)| {
            let name = name.as_str().strip_prefix(KNE_PREFIX)?;
            let value = value.as_bytes().iter().copied().map(char::from).collect();
            Some((name.to_owned(), value))
        });
        Self {
            status: head.status,
            kne: kne.collect(),
            body: body.slice(..body.len().min(ANSWER_BYTES_MAX)),
        }
    }

    pub(crate) fn reason(&self) -> Reason {
        let said = self
            .kne
            .iter()
            .filter(|(name, _)| REASON_HEADER.strip_prefix(KNE_PREFIX) == Some(name.as_str()))
            .find_map(|(_, value)| Reason::from_text(value));
        reason_of(self.status, said)
    }

    /// For people: the status and the beginning of the body.
    pub(crate) fn text(&self) -> String {
        format!("{}: {}", self.status, String::from_utf8_lossy(&self.body))
    }
}

/// Why an event died whose last answer had this status: for a refusal what the sink said, or what the status says when it said
/// nothing; an answer that may pass is none, so the retries were used up.
#[must_use]
pub fn reason_of(status: StatusCode, said: Option<Reason>) -> Reason {
    match (Verdict::of(status), said) {
        (Verdict::Refused, Some(said)) => said,
        (Verdict::Refused, None) => match status {
            StatusCode::PAYLOAD_TOO_LARGE => Reason::TooLarge,
            StatusCode::BAD_REQUEST | StatusCode::UNSUPPORTED_MEDIA_TYPE => Reason::Malformed,
            _ => Reason::Invalid,
        },
        (Verdict::Retry | Verdict::Delivered, _) => Reason::RetriesExhausted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
        let mut answer = Response::builder().status(status);
        for (name, value) in headers {
            answer = answer.header(*name, *value);
        }
        Answer::of(answer.body(Bytes::from(body)).unwrap())
    }

    #[test]
    fn kne_headers_are_kept_without_their_prefix() {
        let answer = answer(
            422,
            &[("Kne-Reason", "conflict"), ("Via", "x"), ("KNE-B", "Ä")],
            vec![],
        );
        // The client reads header bytes as characters, one each.
        let expected = [("reason", "conflict"), ("b", "Ã\u{84}")];
        assert_eq!(
            answer.kne,
            expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
    }

    #[test]
    fn a_body_is_cut_by_bytes_not_characters() {
        let body = "ä".repeat(600).into_bytes();
        assert_eq!(answer(500, &[], body.clone()).body, body[..1_024]);
    }

    #[test]
    fn a_refusal_without_a_known_reason_is_judged_by_its_status() {
        for (status, reason) in [
            (400, Reason::Malformed),
            (415, Reason::Malformed),
            (413, Reason::TooLarge),
            (422, Reason::Invalid),
            (301, Reason::Invalid),
        ] {
            assert_eq!(answer(status, &[], vec![]).reason(), reason, "{status}");
            let unknown = [("Kne-Reason", "whatever")];
            assert_eq!(answer(status, &unknown, vec![]).reason(), reason);
            let said = [("Kne-Reason", "conflict")];
            assert_eq!(answer(status, &said, vec![]).reason(), Reason::Conflict);
        }
    }
}
