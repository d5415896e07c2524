//! What the real consumer makes of the records of one poll.
//!
//! It takes a header without a value for impossible. On a raw record that breaks the conversion of the whole poll, and every
//! raw record of it is dropped; on any record it breaks the tracing, and that record is dropped. Their positions are committed.

use cloudevents::{AttributesReader as _, Event};
use kafka_log::Delivery;
use kafka_log::record::{self, Record};
use purchase::event::RAW_TYPE;

use crate::counters::Loss;

/// What becomes of a record.
#[derive(Debug, PartialEq)]
pub(crate) enum Fate {
    Sent(Box<Event>),
    Lost(Loss),
}

/// Judges the records of one poll; `source` is of the KafkaSource.
pub(crate) fn judge(poll: Vec<Delivery>, source: &str) -> Vec<(Delivery, Fate)> {
    let fates = fates(poll.iter().map(|delivery| &delivery.record), source);
    poll.into_iter().zip(fates).collect()
}

fn fates<'a>(records: impl Iterator<Item = &'a Record>, source: &str) -> Vec<Fate> {
    let found: Vec<_> = records
        .map(|record| {
            let event = event(record, source);
            (is_raw(record, &event), has_null_header(record), event)
        })
        .collect();
    let conversion_is_broken = found
        .iter()
        .any(|(is_raw, has_null_header, _)| *is_raw && *has_null_header);
    let fate = |(is_raw, has_null_header, event)| match (
        has_null_header,
        is_raw && conversion_is_broken,
    ) {
        (true, _) => Fate::Lost(Loss::NullHeader),
        (false, true) => Fate::Lost(Loss::PollWithNullHeader),
        (false, false) => Fate::Sent(Box::new(event)),
    };
    found.into_iter().map(fate).collect()
}

fn event(record: &Record, source: &str) -> Event {
    let mut event = record::read(record, source);
    event.set_extension("knativekafkapartition", i64::from(record.partition));
    event.set_extension("knativekafkaoffset", record.offset);
    event
}

fn has_null_header(record: &Record) -> bool {
    record.headers.iter().any(|(_, value)| value.is_none())
}

/// Whether the record is no event there. It reads these two headers without a look at whether they have a value.
fn is_raw(record: &Record, event: &Event) -> bool {
    let is_null = |name: &str| {
        let last = record.headers.iter().rfind(|(key, _)| key == name);
        last.is_some_and(|(_, value)| value.is_none())
    };
    event.ty() == RAW_TYPE || is_null("content-type") || is_null("ce_specversion")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(headers: &[(&str, Option<&str>)]) -> Record {
        Record {
            topic: "t".into(),
            partition: 3,
            offset: 7,
            recorded_at: purchase::Timestamp::from_millis(0).unwrap(),
            key: None,
            headers: headers
                .iter()
                .map(|(name, value)| {
                    (
                        (*name).to_owned(),
                        value.map(|value| value.as_bytes().to_vec()),
                    )
                })
                .collect(),
            value: Some(b"{}".to_vec()),
        }
    }

    fn event(more: &[(&str, Option<&str>)]) -> Record {
        let envelope = [
            ("ce_specversion", "1.0"),
            ("ce_id", "1"),
            ("ce_source", "/s"),
            ("ce_type", "t"),
        ];
        let mut headers: Vec<_> = envelope.map(|(name, value)| (name, Some(value))).into();
        headers.extend(more);
        record(&headers)
    }

    /// What becomes of the records of a poll: `None` is sent.
    fn lost(poll: &[Record]) -> Vec<Option<Loss>> {
        let lost = |fate| match fate {
            Fate::Sent(_) => None,
            Fate::Lost(loss) => Some(loss),
        };
        fates(poll.iter(), "/k").into_iter().map(lost).collect()
    }

    #[test]
    fn a_raw_record_with_a_null_header_takes_every_raw_record_of_its_poll_along() {
        let poll = [
            record(&[]),
            event(&[]),
            record(&[("a", None)]),
            record(&[("a", Some("b"))]),
        ];
        let expected = [
            Some(Loss::PollWithNullHeader),
            None,
            Some(Loss::NullHeader),
            Some(Loss::PollWithNullHeader),
        ];
        assert_eq!(lost(&poll), expected);
    }

    #[test]
    fn an_event_with_a_null_header_is_lost_alone() {
        let poll = [record(&[]), event(&[("a", None)]), event(&[])];
        assert_eq!(lost(&poll), [None, Some(Loss::NullHeader), None]);
    }

    #[test]
    fn a_null_where_the_envelope_is_looked_for_makes_a_record_raw() {
        for name in ["content-type", "ce_specversion"] {
            let expected = [Some(Loss::PollWithNullHeader), Some(Loss::NullHeader)];
            assert_eq!(
                lost(&[record(&[]), event(&[(name, None)])]),
                expected,
                "{name}"
            );
        }
    }

    #[test]
    fn every_event_names_its_place() {
        for record in [record(&[]), event(&[])] {
            let [Fate::Sent(event)] = &fates([&record].into_iter(), "/k")[..] else {
                panic!("lost");
            };
            assert_eq!(
                event.extension("knativekafkapartition"),
                Some(&3_i64.into())
            );
            assert_eq!(event.extension("knativekafkaoffset"), Some(&7_i64.into()));
        }
    }
}
