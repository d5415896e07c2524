//! The accept loops, one per address, and their common stop.

use axum::Router;
use serve::Limits;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::config::Config;
use crate::listeners::Listener;

/// The page, three functions and the metrics.
const ADDRESSES_MAX: usize = 5;

/// The accept loops, one per address.
pub(crate) struct Servers {
    limits: Limits,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Servers {
    pub(crate) fn new(config: &Config) -> Self {
        let limits = Limits {
            drain_delay: config.http.drain_delay,
            ..Limits::of_one_among(ADDRESSES_MAX)
        };
        Self {
            limits,
            stop: watch::Sender::new(false),
            tasks: JoinSet::new(),
        }
    }

    pub(crate) fn serve(&mut self, listener: Listener, app: Router) {
        let mut stop = self.stop.subscribe();
        let limits = self.limits;
        self.tasks.spawn(async move {
            let stopped = async {
                // An error means that the sender is gone, which is a stop too.
                let _ = stop.wait_for(|stop| *stop).await;
            };
            let drained = serve::run(listener.socket, app, limits, stopped).await;
            if drained.dropped > 0 {
                tracing::warn!(
                    connections = drained.dropped,
                    "connections were dropped at the stop"
                );
            }
        });
    }

    /// Resolves when a server ends that should run until the stop.
    pub(crate) async fn ended(&mut self) {
        let _ = self.tasks.join_next().await;
    }

    /// Lets requests in flight finish.
    pub(crate) async fn stop(mut self) {
        self.stop.send_replace(true);
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a server failed");
            }
        }
    }
}
