//! Leaves a process that stands still to its supervisor.
//!
//! A store that is away is no stand-still: its answers come, and they say so. What is meant is a poll that does not come round
//! or a call that never returns, which nothing but a restart ends.

use std::sync::Arc;
use std::time::Duration;

use delivery::Progress;
use kafka_log::Subscription;
use thiserror::Error;
use tokio::time::interval;

const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Several times the longest deadline of any call, and less than the minute after which Kafka takes a member that does not poll
/// for dead.
const PATIENCE: Duration = Duration::from_secs(45);

/// What stands still.
#[derive(Debug, Error)]
pub(crate) enum Stalled {
    #[error("Kafka was not polled for {0:?}")]
    Polling(Duration),
    #[error("the store or the dead letters have not answered for {0:?}")]
    Call(Duration),
}

/// Resolves when something stands still.
pub(crate) async fn watch(subscription: Subscription, progress: Arc<Progress>) -> Stalled {
    let mut look = interval(LOOK_EVERY);
    loop {
        look.tick().await;
        if let Some(stalled) = judge(subscription.silent_for(), progress.longest_call()) {
            return stalled;
        }
    }
}

fn judge(polling: Duration, call: Duration) -> Option<Stalled> {
    if polling > PATIENCE {
        return Some(Stalled::Polling(polling));
    }
    (call > PATIENCE).then_some(Stalled::Call(call))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_silence_is_a_stand_still_and_less_is_not() {
        let (short, long) = (PATIENCE, PATIENCE + LOOK_EVERY);
        assert!(judge(short, short).is_none());
        assert!(matches!(judge(long, short), Some(Stalled::Polling(_))));
        assert!(matches!(judge(short, long), Some(Stalled::Call(_))));
    }
}
