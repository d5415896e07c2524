//! Disks that are full, and a store that is away for longer than the source tries.

use std::time::Duration;

use e2e::{Scene, Traffic};
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use tokio::time::{Instant, sleep};

use super::Case;
use super::log::ROADS;
use crate::report::Report;

/// As much as a server may still write into a file when its disk is full.
const FULL: u64 = 4_096;
const AWAY_MAX: Duration = Duration::from_secs(30);

/// Row 39: a server that cannot write any more.
pub(crate) async fn disks(case: Case) -> Vec<Report> {
    let servers = case.servers;
    let mut reports = Vec::new();
    for server in ["kafka", "mongod"] {
        let mut traffics = Vec::new();
        for road in ROADS {
            traffics.push(Traffic::start(Scene::on(servers.clone()).await, road).await);
        }
        sleep(Duration::from_secs(2)).await;
        // The server takes it for a disk without room: what it does then is its own choice. Both of these give up.
        let pid = servers.pid_of(server).and_then(Pid::from_raw).unwrap();
        let limit = Rlimit {
            current: Some(FULL),
            maximum: None,
        };
        prlimit(Some(pid), Resource::Fsize, limit).unwrap();
        let begun = Instant::now();
        while servers.pid_of(server).is_some() {
            assert!(
                begun.elapsed() < AWAY_MAX,
                "{server} does not mind a full disk"
            );
            sleep(Duration::from_millis(50)).await;
        }
        sleep(Duration::from_secs(3)).await;
        servers.run_async(&["up"]).await;
        for traffic in &traffics {
            traffic.accepts_more(AWAY_MAX).await;
            traffic.stores_more(AWAY_MAX).await;
        }
        for traffic in traffics {
            let refusals = super::store::refused(&traffic).await;
            let settled = traffic.settle().await;
            let bitten = if server == "kafka" {
                settled.told.refused()
            } else {
                refusals
            };
            let report = Report::of(39, settled).evidence("servers without a disk", 1);
            let by = if server == "kafka" {
                "refused by buy"
            } else {
                "refused by the store"
            };
            reports.push(report.evidence(by, bitten));
        }
    }
    reports
}
