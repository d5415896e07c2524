//! Clients that ask for what a function is there for, at a steady rate.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use testkit::app::client;
use testkit::sample;
use tokio::time::{Instant, interval};

use super::super::functions::purchase_of;
use super::Target;

const MEASURED: Duration = Duration::from_secs(3);
/// Of one function, and the time between the requests of each.
const CLIENTS: usize = 4;
const PACE: Duration = Duration::from_millis(40);

/// How long good clients waited, sorted, and what was refused to them.
#[derive(Default)]
pub(super) struct Waits {
    pub(super) waits: Vec<Duration>,
    pub(super) refused: BTreeMap<u16, usize>,
}

impl Waits {
    pub(super) fn p99(&self) -> Duration {
        let last = self.waits.len().saturating_sub(1);
        self.waits
            .get(last * 99 / 100)
            .copied()
            .unwrap_or(Duration::MAX)
    }
}

/// Some good clients for a while, each request on a connection of its own.
pub(super) async fn good_clients(target: &Target<'_>) -> Waits {
    let until = Instant::now() + MEASURED;
    let (name, url) = (target.name, target.program.url());
    let one = async |n: usize| {
        let (client, mut waits) = (client(), Waits::default());
        let mut tick = interval(PACE);
        while Instant::now() < until {
            tick.tick().await;
            let request = good_request(&client, name, &url, n).header("connection", "close");
            let begun = Instant::now();
            let status = request
                .send()
                .await
                .map_or(0, |answer| answer.status().as_u16());
            match status {
                200..=204 => waits.waits.push(begun.elapsed()),
                refused => *waits.refused.entry(refused).or_default() += 1,
            }
        }
        waits
    };
    let mut all = Waits::default();
    for waits in join_all((0..CLIENTS).map(one)).await {
        all.waits.extend(waits.waits);
        for (status, count) in waits.refused {
            *all.refused.entry(status).or_default() += count;
        }
    }
    all.waits.sort_unstable();
    all
}

fn good_request(
    client: &reqwest::Client,
    name: &str,
    url: &str,
    n: usize,
) -> reqwest::RequestBuilder {
    let json = |path| {
        client
            .post(format!("{url}{path}"))
            .header("content-type", "application/json")
            .body(purchase_of("good"))
    };
    match (name, n % 2) {
        ("query", _) | ("frontend", 1) => client.get(format!("{url}/getAllUserBuys/rich?limit=20")),
        ("storer", _) => json("/")
            .header("ce-specversion", "1.0")
            .header("ce-id", sample::fresh_user())
            .header("ce-source", "/good")
            .header("ce-type", "dev.userbuylist.purchase.recorded.v1")
            .header("ce-time", "2026-01-31T12:00:00.000Z"),
        _ => json("/buy"),
    }
}
