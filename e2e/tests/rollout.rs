//! A rolling update, as Kubernetes does it, while clients ask: no request fails.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use e2e::{Balancer, Event, Program, Scene, Servers, topics};
use reqwest::{Client, RequestBuilder, StatusCode};
use testkit::PATIENCE;
use testkit::app::client;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

const REQUESTS: usize = 20_000;
/// Half of them keep their connection, as proxies do; the others make one for each request.
const CLIENTS: usize = 32;
/// All together: a little longer than the update of two pods takes.
const PER_SECOND: u32 = 1_500;
/// Until every node has heard that a pod is stopping.
const ENDPOINT_IS_DROPPED_AFTER: Duration = Duration::from_secs(2);
/// As the manifests set it.
const DRAIN: (&str, &str) = ("DRAIN_DELAY_MS", "5000");

/// Pods behind a Service.
struct Pods<S> {
    start: S,
    pods: Vec<Program>,
    service: Balancer,
}

impl<S: AsyncFn() -> Program> Pods<S> {
    async fn start(start: S) -> Self {
        let pods = vec![start().await, start().await];
        let service = Balancer::start(pods.iter().map(Program::address).collect()).await;
        Self {
            start,
            pods,
            service,
        }
    }

    /// Replaces one after the other: a new one is there first.
    async fn update(&mut self) {
        for index in 0..self.pods.len() {
            let new = (self.start)().await;
            self.service.add(new.address());
            let old = std::mem::replace(&mut self.pods[index], new);
            let (address, said) = (old.address(), old.said());
            let drop_the_endpoint = async {
                sleep(ENDPOINT_IS_DROPPED_AFTER).await;
                self.service.remove(address);
            };
            let (status, ()) = tokio::join!(old.stop(), drop_the_endpoint);
            assert!(status.success(), "{status}:\n{said}");
        }
    }
}

/// What the clients were told.
#[derive(Default)]
struct Told {
    done: AtomicUsize,
    failures: std::sync::Mutex<Vec<String>>,
}

/// Asks `REQUESTS` times, and on until each client has asked after the update; each answer must have the status.
async fn ask_during(
    update: impl Future<Output = ()>,
    expected: StatusCode,
    request: impl Fn(&Client, usize) -> RequestBuilder + Send + Sync + Clone + 'static,
) -> usize {
    let told = Arc::new(Told::default());
    let (updated, is_updated) = watch::channel(false);
    let mut asking = JoinSet::new();
    for n in 0..CLIENTS {
        let (told, is_updated, request) = (told.clone(), is_updated.clone(), request.clone());
        asking.spawn(async move {
            // Nothing is sent twice: what fails has failed.
            let client = Client::builder()
                .no_proxy()
                .timeout(PATIENCE)
                .retry(reqwest::retry::never())
                .pool_max_idle_per_host(if n % 2 == 0 { 1 } else { 0 })
                .build()
                .unwrap();
            let mut tick = interval(Duration::from_secs(1) * CLIENTS as u32 / PER_SECOND);
            tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
            // Whoever has asked the new ones, too, may go.
            let mut has_asked_after = false;
            while !has_asked_after || told.done.load(Ordering::Relaxed) < REQUESTS {
                tick.tick().await;
                has_asked_after = *is_updated.borrow();
                let number = told.done.fetch_add(1, Ordering::Relaxed);
                let answer = request(&client, number).send().await;
                let failure = match answer {
                    Ok(answer) if answer.status() == expected => {
                        answer.bytes().await.err().map(|error| format!("{error:?}"))
                    }
                    Ok(answer) => Some(format!("{answer:?}")),
                    Err(error) => Some(format!("{error:?}")),
                };
                told.failures.lock().unwrap().extend(failure);
            }
        });
    }
    update.await;
    updated.send_replace(true);
    asking.join_all().await;
    let failures = told.failures.lock().unwrap();
    let done = told.done.load(Ordering::Relaxed);
    assert!(
        failures.is_empty(),
        "{} of {done}: {:#?}",
        failures.len(),
        &failures[..failures.len().min(5)]
    );
    done
}

/// A scene whose pods stop as those of the manifests.
async fn scene() -> Scene {
    let mut scene = Scene::new(Servers::shared()).await;
    scene.surroundings.env = vec![(DRAIN.0, DRAIN.1.to_owned())];
    scene
}

fn purchase(client: &Client, url: &str, number: usize) -> RequestBuilder {
    let user = number % 100;
    let purchase = format!("username=Ada&userid=user-{user}&item=tea&price=12.50");
    let form = "application/x-www-form-urlencoded";
    let request = client.post(format!("{url}/buy"));
    request.header("content-type", form).body(purchase)
}

fn in_topic(scene: &Scene) -> usize {
    topics::read_all(&scene.servers.kafka, &scene.topic).len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_update_of_buy_fails_no_request() {
    let scene = scene().await;
    let mut buy = Pods::start(async || scene.buy_with(&[]).await).await;
    let url = buy.service.url();
    let bought = ask_during(buy.update(), StatusCode::CREATED, move |client, number| {
        purchase(client, &url, number)
    });
    assert_eq!(bought.await, in_topic(&scene));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_update_of_frontend_and_of_buy_behind_it_fails_no_request() {
    let scene = scene().await;
    let mut buy = Pods::start(async || scene.buy_with(&[]).await).await;
    let behind = buy.service.url();
    let mut frontend = Pods::start(async || scene.frontend(&behind, &behind).await).await;
    let url = frontend.service.url();
    let update = async {
        tokio::join!(frontend.update(), buy.update());
    };
    let bought = ask_during(update, StatusCode::CREATED, move |client, number| {
        purchase(client, &url, number)
    });
    assert_eq!(bought.await, in_topic(&scene));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_update_of_storer_fails_no_request() {
    let scene = scene().await;
    let mut storer = Pods::start(async || scene.storer().await).await;
    let url = storer.service.url();
    let stored = ask_during(
        storer.update(),
        StatusCode::NO_CONTENT,
        move |client, number| {
            Event::of_buy(&format!("user-{}", number % 100)).request(client, &url)
        },
    );
    assert_eq!(stored.await as u64, scene.count_documents().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_update_of_query_fails_no_request() {
    let scene = scene().await;
    let storer = scene.storer().await;
    let event = Event::of_buy("ada");
    assert_eq!(event.post(&client(), &storer.url()).await, 204);
    let mut query = Pods::start(async || scene.query().await).await;
    let url = query.service.url();
    let list = move |client: &Client, _| client.get(format!("{url}/getAllUserBuys/ada"));
    ask_during(query.update(), StatusCode::OK, list).await;
}
