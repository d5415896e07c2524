//! When to stop.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// A future that ends at SIGTERM (a platform) or SIGINT (Ctrl-C). The handlers are in place when this returns: as process 1
/// of a container, SIGTERM has no default effect. Call it within a runtime.
pub fn stop_signal() -> impl Future<Output = ()> + Send + use<> {
    let signals = install();
    async {
        match signals {
            Ok((mut terminate, mut interrupt)) => {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
            }
            Err(error) => {
                tracing::error!(%error, "no signal handler could be installed: stop this process with SIGKILL");
                std::future::pending::<()>().await;
            }
        }
    }
}

fn install() -> io::Result<(Signal, Signal)> {
    Ok((
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    ))
}
