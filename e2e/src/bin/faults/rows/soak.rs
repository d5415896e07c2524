//! Everything at random, for an hour.

use std::sync::Arc;
use std::time::Duration;

use e2e::{Program, Road, Scene, Servers, Traffic};
use futures_util::future::join_all;
use rustix::process::Signal;
use testkit::random::Random;
use tokio::time::{Instant, sleep};

use super::Case;
use super::log::ROADS;
use crate::report::Report;

const BUYS_PER_SECOND: u32 = 25;
/// Until everything is as it was before a fault.
const RECOVERED_MAX: Duration = Duration::from_secs(40);
/// Before it is measured what the programs hold: what they grow to in their first faults, they keep.
const WARM: usize = 12;

#[derive(Debug, Clone, Copy)]
enum Fault {
    BrokerKilled,
    BrokerSilent,
    StoreKilled,
    StoreSilent,
    DeliveryKilled,
    DeliverySilent,
    OneMore,
}

const FAULTS: [Fault; 7] = [
    Fault::BrokerKilled,
    Fault::BrokerSilent,
    Fault::StoreKilled,
    Fault::StoreSilent,
    Fault::DeliveryKilled,
    Fault::DeliverySilent,
    Fault::OneMore,
];

/// What a program holds when all is calm.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Held {
    rss_kib: u64,
    open_files: usize,
}

impl Held {
    fn by(program: &Program) -> Self {
        Self {
            rss_kib: program.rss_kib(),
            open_files: program.open_files(),
        }
    }

    fn or_more(self, other: Self) -> Self {
        Self {
            rss_kib: self.rss_kib.max(other.rss_kib),
            open_files: self.open_files.max(other.open_files),
        }
    }
}

pub(crate) async fn everything(case: Case) -> Vec<Report> {
    let Case {
        servers,
        mut random,
        soak: time,
    } = case;
    let mut traffics = Vec::new();
    for road in ROADS {
        let scene = Scene::on(servers.clone()).await;
        traffics.push(Traffic::at_rate(scene, road, BUYS_PER_SECOND).await);
    }
    let begun = Instant::now();
    let (mut faults, mut restarts) = (0_usize, 0_u64);
    let (mut early, mut late) = (vec![Held::default(); 4], vec![Held::default(); 4]);
    while begun.elapsed() < time {
        let fault = FAULTS[usize::try_from(random.below(FAULTS.len() as u64)).unwrap()];
        println!("     soak: {:>5} s, {fault:?}", begun.elapsed().as_secs());
        restarts += inject(fault, &servers, &mut traffics, &mut random).await;
        recovered(&traffics).await;
        faults += 1;
        if faults <= WARM {
            continue;
        }
        // The first half of what is left against the second.
        let held = calm(&traffics);
        let side = if begun.elapsed() < time / 2 {
            &mut early
        } else {
            &mut late
        };
        for (most, now) in side.iter_mut().zip(held) {
            *most = most.or_more(now);
        }
    }
    let mut reports = Vec::new();
    for (n, traffic) in traffics.into_iter().enumerate() {
        let settled = traffic.settle().await;
        let mut report = Report::of(37, settled)
            .evidence("faults", faults as u64)
            .evidence("restarts", restarts);
        for place in [2 * n, 2 * n + 1] {
            let (early, late) = (early[place], late[place]);
            // A program that was killed begins anew, so growth over many faults shows in the others.
            report = report.expect(
                late.rss_kib * 10 <= early.rss_kib * 11 + 20_480
                    && late.open_files <= early.open_files + 40,
                || format!("a program holds {late:?}, and held {early:?}"),
            );
        }
        reports.push(report);
    }
    reports
}

/// buy and query of each road: these are never restarted here.
fn calm(traffics: &[Traffic]) -> Vec<Held> {
    let stacks = traffics.iter().map(|traffic| &traffic.stack);
    stacks
        .flat_map(|stack| [Held::by(&stack.buy), Held::by(&stack.query)])
        .collect()
}

/// Purchases are accepted and stored again on both roads.
async fn recovered(traffics: &[Traffic]) {
    join_all(traffics.iter().map(|traffic| async {
        traffic.accepts_more(RECOVERED_MAX).await;
        traffic.stores_more(RECOVERED_MAX).await;
    }))
    .await;
    sleep(Duration::from_secs(3)).await;
}

/// Does it, and undoes it; how many of our programs were started again.
async fn inject(
    fault: Fault,
    servers: &Arc<Servers>,
    traffics: &mut [Traffic],
    random: &mut Random,
) -> u64 {
    let a_while = Duration::from_millis(500 + random.below(14_500));
    match fault {
        Fault::BrokerKilled => {
            servers.run_async(&["kill", "kafka"]).await;
            sleep(a_while).await;
            servers.run_async(&["up", "kafka"]).await;
        }
        Fault::BrokerSilent => {
            servers.run_async(&["pause", "kafka"]).await;
            sleep(a_while).await;
            servers.run_async(&["resume", "kafka"]).await;
        }
        Fault::StoreKilled => {
            servers.run_async(&["kill", "mongod"]).await;
            sleep(a_while).await;
            servers.run_async(&["up", "mongod"]).await;
        }
        Fault::StoreSilent => {
            servers.run_async(&["pause", "mongod"]).await;
            sleep(a_while).await;
            servers.run_async(&["resume", "mongod"]).await;
        }
        Fault::DeliveryKilled => {
            let mut restarts = 0;
            for program in traffics
                .iter_mut()
                .flat_map(|traffic| &mut traffic.stack.delivery)
            {
                if random.below(2) == 0 {
                    program.restart().await;
                    restarts += 1;
                }
            }
            return restarts;
        }
        Fault::DeliverySilent => {
            let programs = || traffics.iter().flat_map(|traffic| &traffic.stack.delivery);
            programs().for_each(|program| program.signal(Signal::STOP));
            sleep(a_while).await;
            programs().for_each(|program| program.signal(Signal::CONT));
        }
        Fault::OneMore => {
            // Another member joins each group, and leaves as a platform makes it leave.
            let mut others = Vec::new();
            for traffic in traffics.iter() {
                others.push(match traffic.road {
                    Road::Consumer => traffic.scene.consumer().await,
                    Road::Source => {
                        traffic
                            .scene
                            .source(&traffic.stack.delivery[1].url(), &[])
                            .await
                    }
                });
            }
            sleep(a_while).await;
            for other in others {
                assert!(other.stop().await.success());
            }
        }
    }
    0
}
