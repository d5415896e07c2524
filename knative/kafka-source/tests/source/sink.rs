//! A sink that records what is posted to it and answers as its test says.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderMap, Request, Response, Version};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use testkit::eventually;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

pub(crate) type Answer = Response<Full<Bytes>>;

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Post {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) version: Version,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) connection: usize,
    pub(crate) at: Instant,
}

impl Post {
    /// A header, each byte a character.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let value = self.headers.get(name)?;
        Some(value.as_bytes().iter().copied().map(char::from).collect())
    }

    pub(crate) fn id(&self) -> String {
        self.header("ce-id").expect("every post has a ce-id")
    }
}

/// The answer to a post, and to which post of the same event, counted from 1; `None` breaks the connection.
type Script = Arc<dyn Fn(Post, usize) -> BoxFuture<'static, Option<Answer>> + Send + Sync>;

pub(crate) struct Sink {
    address: SocketAddr,
    script: Script,
    posts: Arc<Mutex<Vec<Post>>>,
    connections: Arc<AtomicUsize>,
    accepting: Option<JoinHandle<()>>,
}

impl Sink {
    /// A sink that takes everything.
    pub(crate) fn new() -> Self {
        Self::answers(|_, _| status(204))
    }

    pub(crate) fn answers(answer: impl Fn(&Post, usize) -> Answer + Send + Sync + 'static) -> Self {
        Self::acts(move |post, nth| {
            let answer = answer(&post, nth);
            Box::pin(async { Some(answer) })
        })
    }

    pub(crate) fn acts(
        act: impl Fn(Post, usize) -> BoxFuture<'static, Option<Answer>> + Send + Sync + 'static,
    ) -> Self {
        let listener = serve::listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let mut sink = Self {
            address: listener.local_addr().unwrap(),
            script: Arc::new(act),
            posts: Arc::default(),
            connections: Arc::default(),
            accepting: None,
        };
        sink.accept(listener);
        sink
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/in?a=%2F", self.address)
    }

    pub(crate) fn posts(&self) -> Vec<Post> {
        self.posts.lock().unwrap().clone()
    }

    /// The event ids in the order in which they came.
    pub(crate) fn ids(&self) -> Vec<String> {
        self.posts().iter().map(Post::id).collect()
    }

    /// Waits until there are so many posts.
    pub(crate) async fn posted(&self, number: usize) -> Vec<Post> {
        let what = format!("{number} posts");
        eventually(&what, async || {
            Some(self.posts()).filter(|posts| posts.len() >= number)
        })
        .await
    }

    /// Waits for a post of this event.
    pub(crate) async fn got(&self, id: &str) -> Post {
        let what = format!("event {id}");
        eventually(&what, async || {
            self.posts().into_iter().find(|post| post.id() == id)
        })
        .await
    }

    /// Closes port and connections.
    pub(crate) async fn down(&mut self) {
        if let Some(accepting) = self.accepting.take() {
            accepting.abort();
            let _ = accepting.await;
        }
    }

    /// Comes back on the same port.
    pub(crate) fn up(&mut self) {
        self.accept(serve::listen(self.address).unwrap());
    }

    fn accept(&mut self, listener: TcpListener) {
        let (script, posts) = (self.script.clone(), self.posts.clone());
        let connections = self.connections.clone();
        self.accepting = Some(tokio::spawn(async move {
            let mut serving = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let connection = connections.fetch_add(1, Ordering::Relaxed);
                serving.spawn(converse(stream, connection, script.clone(), posts.clone()));
            }
        }));
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        if let Some(accepting) = &self.accepting {
            accepting.abort();
        }
    }
}

async fn converse(
    stream: TcpStream,
    connection: usize,
    script: Script,
    posts: Arc<Mutex<Vec<Post>>>,
) {
    let service = service_fn(|request| {
        let (script, posts) = (script.clone(), posts.clone());
        async move {
            let (post, nth) = record(request, connection, &posts).await;
            script(post, nth).await.ok_or("broken on purpose")
        }
    });
    // A broken connection is part of the game.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn record(
    request: Request<Incoming>,
    connection: usize,
    posts: &Mutex<Vec<Post>>,
) -> (Post, usize) {
    let (head, body) = request.into_parts();
    let post = Post {
        method: head.method.to_string(),
        path: head.uri.to_string(),
        version: head.version,
        headers: head.headers,
        body: body.collect().await.unwrap().to_bytes(),
        connection,
        at: Instant::now(),
    };
    let mut posts = posts.lock().unwrap();
    posts.push(post.clone());
    let nth = posts.iter().filter(|other| other.id() == post.id()).count();
    (post, nth)
}

/// An answer without body.
pub(crate) fn status(status: u16) -> Answer {
    answer(status, &[], "")
}

pub(crate) fn answer(status: u16, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::builder().status(status);
    for (name, value) in headers {
        answer = answer.header(*name, *value);
    }
    answer.body(Full::new(body.into())).unwrap()
}
