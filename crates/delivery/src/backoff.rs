//! How long to wait before the next try.

use std::time::Duration;

/// How waits grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// `delay × n` before the n-th retry.
    Linear,
    /// `delay × 2ⁿ` before the n-th retry.
    Exponential,
}

/// A `delivery` block of Knative: policy, delay and number of retries. Knative has no ceiling; ours is optional.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    pub policy: Policy,
    pub delay: Duration,
    pub retries: u32,
    pub ceiling: Option<Duration>,
}

impl Backoff {
    /// The wait before retry number `retry`, counted from 1; `None` once the retries are used up.
    #[must_use]
    pub fn wait(&self, retry: u32) -> Option<Duration> {
        if retry > self.retries {
            return None;
        }
        let factor = match self.policy {
            Policy::Linear => retry,
            Policy::Exponential => 2_u32.saturating_pow(retry),
        };
        let wait = self.delay.saturating_mul(factor);
        Some(self.ceiling.map_or(wait, |ceiling| wait.min(ceiling)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backoff(policy: Policy, delay_ms: u64, retries: u32) -> Backoff {
        Backoff {
            policy,
            delay: Duration::from_millis(delay_ms),
            retries,
            ceiling: None,
        }
    }

    #[test]
    fn linear_waits_grow_by_the_delay() {
        let backoff = backoff(Policy::Linear, 100, 1_320);
        assert_eq!(backoff.wait(1), Some(Duration::from_millis(100)));
        assert_eq!(backoff.wait(1_320), Some(Duration::from_secs(132)));
        assert_eq!(backoff.wait(1_321), None);
    }

    #[test]
    fn exponential_waits_double_and_saturate() {
        let backoff = backoff(Policy::Exponential, 100, 100);
        assert_eq!(backoff.wait(1), Some(Duration::from_millis(200)));
        assert_eq!(backoff.wait(3), Some(Duration::from_millis(800)));
        assert!(backoff.wait(100).is_some());
    }

    #[test]
    fn a_ceiling_bounds_every_wait() {
        let ceiling = Duration::from_millis(250);
        let backoff = Backoff {
            ceiling: Some(ceiling),
            ..backoff(Policy::Linear, 100, 10)
        };
        assert_eq!(backoff.wait(2), Some(Duration::from_millis(200)));
        assert_eq!(backoff.wait(3), Some(ceiling));
    }
}
