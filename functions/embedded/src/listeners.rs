//! The addresses of the process: one that it needs, and one per function that it is glad to have.

use std::io;
use std::net::{IpAddr, SocketAddr};

use thiserror::Error;
use tokio::net::TcpListener;

use crate::config::Config;

#[derive(Debug, Error)]
pub enum ListenError {
    #[error(
        "cannot listen on {address}, where the page should be; choose another port with --port"
    )]
    Page {
        address: SocketAddr,
        source: io::Error,
    },
    #[error("cannot listen on {address}; choose another port with METRICS_PORT")]
    Metrics {
        address: SocketAddr,
        source: io::Error,
    },
}

/// A listener and the address that it got.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) address: SocketAddr,
    pub(crate) socket: TcpListener,
}

/// A function's listener, or the port that was in use.
pub(crate) type Optional = Result<Listener, u16>;

#[derive(Debug)]
pub(crate) struct Listeners {
    pub(crate) page: Listener,
    pub(crate) buy: Optional,
    pub(crate) storer: Optional,
    pub(crate) query: Optional,
    pub(crate) metrics: Option<Listener>,
}

impl Listeners {
    pub(crate) fn bind(config: &Config) -> Result<Self, ListenError> {
        let host = config.http.host;
        let address = SocketAddr::new(host, config.http.port);
        let page = bind(address).map_err(|source| ListenError::Page { address, source })?;
        let metrics = match config.http.metrics_port {
            None => None,
            Some(port) => {
                let address = SocketAddr::new(host, port);
                let metrics = bind(address);
                Some(metrics.map_err(|source| ListenError::Metrics { address, source })?)
            }
        };
        Ok(Self {
            page,
            buy: optional(host, config.buy_port),
            storer: optional(host, config.storer_port),
            query: optional(host, config.query_port),
            metrics,
        })
    }
}

fn bind(address: SocketAddr) -> io::Result<Listener> {
    let socket = serve::listen(address)?;
    Ok(Listener {
        address: socket.local_addr()?,
        socket,
    })
}

fn optional(host: IpAddr, port: u16) -> Optional {
    bind(SocketAddr::new(host, port)).map_err(|error| {
        tracing::warn!(port, %error, "a function has no port of its own; the page's port is enough");
        port
    })
}
