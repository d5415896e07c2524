//! What a Service of Kubernetes is to its clients.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// One address that leads to any of its endpoints. As with kube-proxy, an endpoint that is dropped gets no new connection, and those
/// that it has go on.
pub struct Balancer {
    address: SocketAddr,
    endpoints: Arc<Mutex<Vec<SocketAddr>>>,
    accepting: JoinHandle<()>,
}

impl Balancer {
    pub async fn start(endpoints: Vec<SocketAddr>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let endpoints = Arc::new(Mutex::new(endpoints));
        let accepting = tokio::spawn(accept(listener, endpoints.clone()));
        Self {
            address,
            endpoints,
            accepting,
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn add(&self, endpoint: SocketAddr) {
        self.endpoints.lock().unwrap().push(endpoint);
    }

    pub fn remove(&self, endpoint: SocketAddr) {
        self.endpoints.lock().unwrap().retain(|it| *it != endpoint);
    }
}

async fn accept(listener: TcpListener, endpoints: Arc<Mutex<Vec<SocketAddr>>>) {
    for turn in 0_usize.. {
        let (mut client, _) = listener.accept().await.unwrap();
        let endpoint = {
            let endpoints = endpoints.lock().unwrap();
            endpoints[turn % endpoints.len()]
        };
        tokio::spawn(async move {
            // A client that is dropped here sees what it would see: a connection that ends.
            let Ok(mut server) = TcpStream::connect(endpoint).await else {
                return;
            };
            let _ = client.set_nodelay(true);
            let _ = server.set_nodelay(true);
            let _ = copy_bidirectional(&mut client, &mut server).await;
        });
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}
