//! A router on a real socket, as it is in production: the same accept loop, a free port.

use std::net::SocketAddr;

use axum::Router;
use serve::Limits;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A served router. It stops when [`TestApp::stop`] is called or the test ends.
pub struct TestApp {
    pub address: SocketAddr,
    /// `http://127.0.0.1:PORT`.
    pub url: String,
    stop: Option<oneshot::Sender<()>>,
    served: JoinHandle<()>,
}

impl TestApp {
    pub async fn start(router: Router) -> Self {
        Self::start_with(router, Limits::default()).await
    }

    pub async fn start_with(router: Router, limits: Limits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let served = tokio::spawn(async move {
            serve::run(listener, router, limits, async {
                let _ = stopped.await;
            })
            .await;
        });
        Self {
            address,
            url: format!("http://{address}"),
            stop: Some(stop),
            served,
        }
    }

    /// Stops accepting, lets what is in flight finish.
    pub async fn stop(mut self) {
        drop(self.stop.take());
        self.served.await.unwrap();
    }
}

/// A client with a deadline that follows no redirects and knows no proxy.
#[must_use]
pub fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(crate::PATIENCE)
        .build()
        .unwrap()
}
