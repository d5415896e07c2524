//! An event on its way to the dead letter sink: what it was, and what its sink said.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use cloudevents::Event;
use delivery::Dead;
use thiserror::Error;

use crate::address::Address;

/// A header `Kne-…` of the answer that names no extension. The real one fails over it after everything that could catch it:
/// the event is neither sent nor given up, its position never committed, and an ordered partition stands still.
#[derive(Debug, PartialEq, Eq, Error)]
#[error(
    "the sink answered with the header Kne-{0}, which cannot be the name of an extension: a-z and 0-9 only"
)]
pub(crate) struct Stuck(String);

/// The event with what is known of its failed delivery. Without an answer that is only where it should have gone.
pub(crate) fn dead_letter(event: &Event, sink: &Address, dead: &Dead) -> Result<Event, Stuck> {
    let mut letter = event.clone();
    letter.set_extension("knativeerrordest", sink.to_string());
    let Ok(answer) = &dead.last else {
        return Ok(letter);
    };
    letter.set_extension("knativeerrorcode", answer.status.as_str());
    for (name, value) in &answer.kne {
        if !name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        {
            return Err(Stuck(name.clone()));
        }
        letter.set_extension(name, value.as_str());
    }
    if !answer.body.is_empty() {
        letter.set_extension("knativeerrordata", BASE64_STANDARD.encode(&answer.body));
    }
    Ok(letter)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use delivery::{Answer, SinkError};
    use http::StatusCode;

    use super::*;

    fn letter(last: Result<Answer, SinkError>) -> Result<Vec<(String, String)>, Stuck> {
        let sink: Address = "http://sink/a".parse().unwrap();
        let letter = dead_letter(&Event::default(), &sink, &Dead { attempts: 1, last })?;
        let mut extensions: Vec<_> = letter
            .iter_extensions()
            .map(|(name, value)| (name.to_owned(), value.to_string()))
            .collect();
        extensions.sort();
        Ok(extensions)
    }

    fn answer(kne: &[(&str, &str)], body: &'static [u8]) -> Answer {
        Answer {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            kne: kne
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            body: Bytes::from_static(body),
        }
    }

    fn expected(extensions: &[(&str, &str)]) -> Vec<(String, String)> {
        extensions
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn an_answer_is_kept_in_extensions() {
        let extensions = expected(&[
            ("knativeerrorcode", "422"),
            ("knativeerrordata", "/wA="),
            ("knativeerrordest", "http://sink/a"),
            ("reason", "conflict"),
        ]);
        assert_eq!(
            letter(Ok(answer(&[("reason", "conflict")], b"\xff\0"))),
            Ok(extensions)
        );
    }

    #[test]
    fn an_answer_without_body_has_no_data() {
        let extensions = expected(&[
            ("knativeerrorcode", "422"),
            ("knativeerrordest", "http://sink/a"),
        ]);
        assert_eq!(letter(Ok(answer(&[], b""))), Ok(extensions));
    }

    #[test]
    fn without_an_answer_only_the_address_is_known() {
        let extensions = expected(&[("knativeerrordest", "http://sink/a")]);
        assert_eq!(letter(Err(SinkError("reset".into()))), Ok(extensions));
    }

    #[test]
    fn a_header_that_names_no_extension_gets_the_event_stuck() {
        let stuck = letter(Ok(answer(&[("retry-at", "x")], b"")));
        assert_eq!(stuck, Err(Stuck("retry-at".to_owned())));
    }
}
