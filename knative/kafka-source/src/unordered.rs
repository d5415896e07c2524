//! `ordering: unordered`: events of all partitions at once.

use std::sync::Arc;

use kafka_log::Subscription;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};

use crate::courier::Courier;
use crate::poll::judge;

/// Ends when it shall stop or the subscription has ended, and everything on its way has arrived; or when a delivery panicked.
/// As in the real one, no records are taken while `poll_max` events are on their way; a poll may bring as many again.
pub(crate) async fn run(
    subscription: Subscription,
    courier: Arc<Courier>,
    source: String,
    poll_max: usize,
    mut stop: watch::Receiver<bool>,
) -> Result<(), JoinError> {
    let mut on_their_way = JoinSet::new();
    loop {
        let poll = tokio::select! {
            _ = stop.wait_for(|stop| *stop) => break,
            Some(ended) = on_their_way.join_next() => {
                ended?;
                continue;
            }
            poll = subscription.next(poll_max), if on_their_way.len() < poll_max => poll,
        };
        if poll.is_empty() {
            break;
        }
        for (delivery, fate) in judge(poll, &source) {
            let (subscription, courier) = (subscription.clone(), courier.clone());
            on_their_way.spawn(async move {
                courier.bring(&delivery, fate).await;
                subscription.done(&delivery.place);
            });
        }
    }
    while let Some(ended) = on_their_way.join_next().await {
        ended?;
    }
    Ok(())
}
