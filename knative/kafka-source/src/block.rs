//! What happens to an event that the sink does not take: the `delivery` block of a KafkaSource, with the effect that the real
//! one has.

use std::time::Duration;

use delivery::{Backoff, Policy};
use serve::Env;

use crate::address::{Address, read_address};
use crate::iso8601::Period;

const PERIOD: &str = "a duration of ISO 8601 such as PT0.3S, each part at most 3276.7";

/// When a block says how often but not how long to wait.
const DELAY_DEFAULT: Duration = Duration::from_millis(200);
/// Also when it is given as nothing.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(600);
/// An outage of a day, over a weekend's end for instance, should lose nothing.
const SPAN_ADVISED: Duration = Duration::from_secs(24 * 60 * 60);

/// How often, how long, and what then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryBlock {
    pub backoff: Backoff,
    /// For one exchange with a sink.
    pub timeout: Duration,
    pub dead_letter_sink: Option<Address>,
}

/// The block as it was written; what is absent is `None`.
#[derive(Debug, Default, PartialEq)]
struct Given {
    retry: Option<u32>,
    policy: Option<Policy>,
    delay: Option<Period>,
    timeout: Option<Period>,
    dead_letter_sink: Option<Address>,
}

impl DeliveryBlock {
    /// Reads `RETRY`, `BACKOFF_POLICY`, `BACKOFF_DELAY`, `TIMEOUT` and `DEAD_LETTER_SINK`; with none of them there is no block.
    pub fn read(env: &mut Env<'_>) -> Self {
        const RETRY: &str = "the number of retries";
        const POLICY: &str = "linear or exponential";

        let policy: Option<String> = env.optional("BACKOFF_POLICY", POLICY);
        let policy = policy.and_then(|policy| match policy.as_str() {
            "linear" => Some(Policy::Linear),
            "exponential" => Some(Policy::Exponential),
            other => {
                env.problem("BACKOFF_POLICY", POLICY, other);
                None
            }
        });
        Self::of(Given {
            retry: env.optional("RETRY", RETRY),
            policy,
            delay: env.optional("BACKOFF_DELAY", PERIOD),
            timeout: env.optional("TIMEOUT", PERIOD),
            dead_letter_sink: read_address(env, "DEAD_LETTER_SINK"),
        })
    }

    fn of(given: Given) -> Self {
        if given == Given::default() {
            return Self {
                backoff: Backoff {
                    policy: Policy::Exponential,
                    delay: Duration::from_millis(300),
                    retries: 10,
                    ceiling: None,
                },
                timeout: TIMEOUT_DEFAULT,
                dead_letter_sink: None,
            };
        }
        let delay = given.delay.map_or(DELAY_DEFAULT, |Period(delay)| delay);
        // Its timer refuses a wait of nothing, and that ends the delivery like a refusal of the sink.
        let retries = given.retry.filter(|_| !delay.is_zero()).unwrap_or(0);
        let timeout = given.timeout.map(|Period(timeout)| timeout);
        Self {
            backoff: Backoff {
                policy: given.policy.unwrap_or(Policy::Exponential),
                delay,
                retries,
                ceiling: None,
            },
            timeout: timeout
                .filter(|timeout| !timeout.is_zero())
                .unwrap_or(TIMEOUT_DEFAULT),
            dead_letter_sink: given.dead_letter_sink,
        }
    }

    /// All waits together: how long an outage may last.
    #[must_use]
    pub fn span(&self) -> Duration {
        let Backoff {
            policy,
            delay,
            retries,
            ..
        } = self.backoff;
        let n = u128::from(retries);
        let factor = match policy {
            Policy::Linear => n * (n + 1) / 2,
            Policy::Exponential => 2_u128.saturating_pow(retries.saturating_add(1)) - 2,
        };
        let millis = delay.as_millis().saturating_mul(factor);
        Duration::from_millis(millis.try_into().unwrap_or(u64::MAX))
    }

    /// The wait before the last try.
    #[must_use]
    pub fn longest_wait(&self) -> Duration {
        let last = self.backoff.retries;
        self.backoff
            .wait(last)
            .filter(|_| last > 0)
            .unwrap_or_default()
    }

    /// Says how long an event is tried and what happens then, as a warning if an outage of a day loses events.
    pub fn announce(&self) {
        let (retries, span, longest) = (
            self.backoff.retries,
            words(self.span()),
            words(self.longest_wait()),
        );
        let tries = if self.backoff.delay.is_zero() {
            "BACKOFF_DELAY, cut to tenths of a second, is nothing: an event that the sink does not take is not tried again"
                .to_owned()
        } else if retries == 0 {
            "an event that the sink does not take is not tried again".to_owned()
        } else {
            format!(
                "an event that the sink does not take is tried again {retries} times within {span}, the longest wait {longest}"
            )
        };
        match self.dead_letter_sink.as_ref().map(Address::without_query) {
            None => tracing::warn!(
                retries,
                "{tries}; then it is LOST, because there is no DEAD_LETTER_SINK"
            ),
            Some(sink) if self.span() < SPAN_ADVISED => {
                tracing::warn!(
                    retries,
                    "{tries}; then it goes to {sink}, and is LOST when that fails for as long"
                );
            }
            Some(sink) => tracing::info!(
                retries,
                "{tries}; then it goes to {sink}, and is lost when that fails for as long"
            ),
        }
    }
}

/// Coarse on purpose: nobody needs the seconds of a day.
fn words(span: Duration) -> String {
    let (seconds, minutes) = (span.as_secs(), span.as_secs() / 60);
    match (minutes / 60, minutes) {
        (0, 0) => format!("{:.1} s", span.as_secs_f64()),
        (0, 1..5) => format!("{seconds} s"),
        (0, minutes) => format!("{minutes} min"),
        (hours, minutes) => format!("{hours} h {} min", minutes % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(variables: &[(&str, &str)]) -> Result<DeliveryBlock, String> {
        let lookup = |name: &str| {
            let found = variables.iter().find(|(one, _)| *one == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let mut env = Env::new(&lookup);
        let block = DeliveryBlock::read(&mut env);
        env.finish(block).map_err(|problems| problems.to_string())
    }

    #[test]
    fn without_a_block_there_are_ten_retries_within_ten_minutes_and_then_the_event_is_lost() {
        let block = block(&[]).unwrap();
        assert_eq!(block.backoff.wait(1), Some(Duration::from_millis(600)));
        assert_eq!((block.backoff.retries, block.span().as_secs()), (10, 613));
        assert_eq!(
            (block.timeout.as_secs(), block.dead_letter_sink),
            (600, None)
        );
    }

    #[test]
    fn a_block_without_retry_retries_nothing() {
        for variables in [
            &[("DEAD_LETTER_SINK", "http://d/")][..],
            &[("TIMEOUT", "PT1S")],
            &[("BACKOFF_DELAY", "PT1S"), ("BACKOFF_POLICY", "linear")],
        ] {
            let block = block(variables).unwrap();
            assert_eq!(
                (block.backoff.wait(1), block.span()),
                (None, Duration::ZERO),
                "{variables:?}"
            );
        }
    }

    #[test]
    fn a_tenth_of_a_second_linear_spans_a_day_with_1320_retries() {
        let block = block(&[
            ("RETRY", "1320"),
            ("BACKOFF_POLICY", "linear"),
            ("BACKOFF_DELAY", "PT0.1S"),
        ])
        .unwrap();
        assert_eq!(
            (block.span().as_secs(), block.longest_wait().as_secs()),
            (87_186, 132)
        );
        assert_eq!(words(block.span()), "24 h 13 min");
    }

    #[test]
    fn a_delay_cut_to_nothing_means_no_retry() {
        let block = block(&[("RETRY", "1320"), ("BACKOFF_DELAY", "PT0.05S")]).unwrap();
        assert_eq!(
            (block.backoff.delay, block.backoff.retries),
            (Duration::ZERO, 0)
        );
    }

    #[test]
    fn what_a_block_with_retry_leaves_out_has_defaults() {
        let block = block(&[("RETRY", "2"), ("TIMEOUT", "PT0S")]).unwrap();
        let backoff = Backoff {
            policy: Policy::Exponential,
            delay: DELAY_DEFAULT,
            retries: 2,
            ceiling: None,
        };
        assert_eq!((block.backoff, block.timeout), (backoff, TIMEOUT_DEFAULT));
    }

    #[test]
    fn waits_have_no_ceiling() {
        let linear = block(&[
            ("RETRY", "100000"),
            ("BACKOFF_POLICY", "linear"),
            ("BACKOFF_DELAY", "PT1S"),
        ])
        .unwrap();
        assert_eq!(linear.longest_wait().as_secs(), 100_000);
        let exponential = block(&[("RETRY", "30"), ("BACKOFF_DELAY", "PT1S")]).unwrap();
        assert_eq!(exponential.longest_wait().as_secs(), 1 << 30);
    }

    #[test]
    fn all_problems_of_a_block_come_together_and_show_no_password() {
        let problems = block(&[
            ("RETRY", "-1"),
            ("BACKOFF_POLICY", "Linear"),
            ("BACKOFF_DELAY", "0.1"),
            ("TIMEOUT", "30s"),
            ("DEAD_LETTER_SINK", "http://me:hunter2@d"),
        ])
        .unwrap_err();
        for name in [
            "RETRY",
            "BACKOFF_POLICY",
            "BACKOFF_DELAY",
            "TIMEOUT",
            "DEAD_LETTER_SINK",
        ] {
            assert!(
                problems.contains(&format!("\n  {name}: ")),
                "{name}: {problems}"
            );
        }
        assert!(!problems.contains("hunter2"), "{problems}");
    }
}
