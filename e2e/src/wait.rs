//! Waits for what takes longer than a test's usual patience, or costs too much to be asked all the time.

use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

/// Asks ten times a second until the answer is there; panics with `what` when the time is over.
pub async fn within<T>(limit: Duration, what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(begun.elapsed() < limit, "{what}: not within {limit:?}");
        sleep(Duration::from_millis(100)).await;
    }
}

/// Waits until somebody listens; a server that starts on a busy machine takes its time. Whoever measures from this moment on
/// needs it exactly.
pub async fn port_opens(address: &str) {
    const LIMIT: Duration = Duration::from_secs(60);
    let begun = Instant::now();
    while TcpStream::connect(address).await.is_err() {
        assert!(
            begun.elapsed() < LIMIT,
            "{address} does not listen within {LIMIT:?}"
        );
        sleep(Duration::from_millis(2)).await;
    }
}
