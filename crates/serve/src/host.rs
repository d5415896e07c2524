//! Where requests come from: connections of our own, or the host that started the process.

use std::io;
use std::net::{IpAddr, SocketAddr};

use axum::Router;
use tokio::net::TcpListener;
use tracing::{info, warn};

use crate::{App, BoxError, HttpConfig, Limits, run, server};

#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: set {variable} to change the port")]
pub(crate) struct ListenError {
    address: SocketAddr,
    variable: &'static str,
    source: io::Error,
}

pub(crate) enum Host {
    Connections {
        listener: TcpListener,
        limits: Limits,
    },
    #[cfg(feature = "lambda")]
    Lambda,
}

impl Host {
    /// Lambda, if it started the process and this build can answer it; else connections, and those of the metrics' own port.
    pub(crate) fn choose(
        name: &'static str,
        http: &HttpConfig,
        app: &App,
    ) -> Result<Self, ListenError> {
        #[cfg(feature = "lambda")]
        if http.on_lambda {
            info!(function = name, "answering the events of AWS Lambda");
            return Ok(Self::Lambda);
        }
        #[cfg(not(feature = "lambda"))]
        if http.on_lambda {
            // Not wrong: an extension such as the Lambda Web Adapter hands the events on to the port.
            info!(
                function = name,
                "AWS Lambda is the host, and this build does not ask it for events: build it with the feature lambda for that"
            );
        }
        let listener = listen(http.host, http.port, "PORT")?;
        if let Some(port) = http.metrics_port {
            let listener = listen(http.host, port, "METRICS_PORT")?;
            let app = app.shared_metrics().routes();
            // It ends with the runtime, after the drain: a scrape during the drain is worth an answer.
            tokio::spawn(run(
                listener,
                app,
                Limits::default(),
                std::future::pending(),
            ));
        }
        let address = listener
            .local_addr()
            .unwrap_or(SocketAddr::new(http.host, http.port));
        info!(function = name, %address, "listening");
        let limits = Limits {
            drain_delay: http.drain_delay,
            ..Limits::default()
        };
        Ok(Self::Connections { listener, limits })
    }

    /// Answers until `end`; of connections also what is in flight then.
    pub(crate) async fn run(
        self,
        app: Router,
        end: impl Future<Output = ()>,
    ) -> Result<(), BoxError> {
        match self {
            Self::Connections { listener, limits } => {
                let drained = run(listener, app, limits, end).await;
                if drained.dropped > 0 {
                    warn!(
                        connections = drained.dropped,
                        "connections were dropped at the end of the drain"
                    );
                }
                Ok(())
            }
            #[cfg(feature = "lambda")]
            Self::Lambda => crate::lambda::run(app, end).await,
        }
    }
}

fn listen(host: IpAddr, port: u16, variable: &'static str) -> Result<TcpListener, ListenError> {
    let address = SocketAddr::new(host, port);
    server::listen(address).map_err(|source| ListenError {
        address,
        variable,
        source,
    })
}
