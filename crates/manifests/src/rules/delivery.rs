//! A KafkaSource by whose settings no purchase is lost.
//!
//! Its defaults lose them: without a `delivery` block an event is tried for ten minutes, a block without `retry` tries nothing
//! again, without a dead letter sink what is given up is gone, and durations are cut to tenths of a second.

use std::time::Duration;

use kafka_source::DeliveryBlock;
use serde_json::Value;
use serve::Env;

use super::Findings;
use crate::Object;

/// An outage of a day loses nothing.
const SPAN_MIN: Duration = Duration::from_secs(24 * 60 * 60);
/// After an outage nothing waits for much longer than this.
const WAIT_MAX: Duration = Duration::from_secs(150);
/// Longer than storer takes to answer, whatever the store does.
const TIMEOUT_MIN: Duration = Duration::from_secs(10);

pub(super) fn loses_nothing(objects: &[Object], findings: &mut Findings) {
    let sources = objects
        .iter()
        .filter(|object| object.kind() == "KafkaSource");
    for source in sources {
        let mut expect = |holds: bool, problem: &str| findings.expect(holds, source, problem);
        expect(
            source.text("/spec/consumerGroup").is_some(),
            "consumerGroup is missing: each new source would have a group of its own and read everything again",
        );
        expect(
            source.text("/spec/initialOffset") == Some("earliest"),
            "initialOffset is not `earliest`: what was bought before the source was ready would be skipped",
        );
        expect(
            source.text("/spec/ordering") == Some("unordered"),
            "ordering is not `unordered`: one event that is tried again would hold up all behind it",
        );
        expect(
            source.at("/spec/delivery/deadLetterSink").is_object(),
            "delivery.deadLetterSink is missing: an event that storer refuses would be lost",
        );
        for field in ["retry", "backoffPolicy", "backoffDelay", "timeout"] {
            expect(
                !source.at(&format!("/spec/delivery/{field}")).is_null(),
                &format!("delivery.{field} is missing, and its default loses events"),
            );
        }
        match block(source) {
            Ok(block) => is_patient(&block, &mut expect),
            Err(problems) => expect(false, &problems),
        }
    }
}

fn is_patient(block: &DeliveryBlock, expect: &mut impl FnMut(bool, &str)) {
    let (span, wait) = (block.span(), block.longest_wait());
    expect(
        span >= SPAN_MIN,
        &format!(
            "an event is tried for {} s, and an outage may last a day: raise retry or backoffDelay (less than 0.1 s counts as none)",
            span.as_secs()
        ),
    );
    expect(
        wait <= WAIT_MAX,
        &format!(
            "after an outage an event may wait for {} s: use a linear backoff with a short backoffDelay",
            wait.as_secs()
        ),
    );
    expect(
        block.timeout >= TIMEOUT_MIN,
        &format!(
            "timeout is {:?}, and storer may take 10 s to answer",
            block.timeout
        ),
    );
}

/// As the stand-in reads it, which does what the real one does.
fn block(source: &Object) -> Result<DeliveryBlock, String> {
    let lookup = |name: &str| {
        let field = match name {
            "RETRY" => "retry",
            "BACKOFF_POLICY" => "backoffPolicy",
            "BACKOFF_DELAY" => "backoffDelay",
            "TIMEOUT" => "timeout",
            _ => return None,
        };
        match source.at(&format!("/spec/delivery/{field}")) {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    };
    let mut env = Env::new(&lookup);
    let block = DeliveryBlock::read(&mut env);
    env.finish(block).map_err(|problems| problems.to_string())
}
