//! Whether an upstream can be reached, for `GET /ready`: for people and alerts, never for probes.

use async_trait::async_trait;
use serve::ReadyCheck;
use tokio::net::TcpStream;

use crate::Upstream;

/// A connection to an upstream; it asks nothing of it, so it does not count as a request there.
pub struct Reachable {
    /// Who it is: `buy` or `query`.
    pub name: &'static str,
    pub upstream: Upstream,
}

#[async_trait]
impl ReadyCheck for Reachable {
    fn name(&self) -> &'static str {
        self.name
    }

    async fn missing(&self) -> Option<String> {
        let connected = TcpStream::connect(self.upstream.address()).await;
        connected
            .err()
            .map(|error| format!("cannot be reached: {error}"))
    }
}
