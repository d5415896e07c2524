//! Members of the group, and storer, that are killed, stand still or come while purchases are on their way.

use std::sync::Arc;
use std::time::Duration;

use e2e::{Road, Scene, Servers, Stack, Toxiproxy, Traffic, answered, within};
use rustix::process::Signal;
use serde_json::json;
use testkit::random::Random;
use tokio::time::sleep;

use super::delivery::ROADS;
use super::{Case, GROUP_MAX, Running, beside};
use crate::report::Report;

/// Where they are among the programs of a road.
const READER: usize = 0;
const STORER: usize = 1;

/// Rows 16 and 17, which spend most of their time while a group takes notice of a member that is gone.
pub(crate) async fn disturbed(case: Case) -> Vec<Report> {
    let Case {
        servers,
        mut random,
        ..
    } = case;
    let mut rows: Vec<(u8, Running)> = Vec::new();
    for road in ROADS {
        let mut own = || Random::seeded(random.number());
        let (killed, churned) = (
            killed(servers.clone(), road, own()),
            churned(servers.clone(), road, own()),
        );
        rows.push((16, Box::pin(killed)));
        rows.push((17, Box::pin(churned)));
    }
    beside(rows).await
}

/// When a process is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    Any,
    /// The store has written, and its answer does not arrive.
    Written,
    /// The store is to write, and hears nothing of it.
    Asked,
}

/// Which of the programs of a road is killed, and when.
fn kills(road: Road) -> Vec<(usize, Moment)> {
    use Moment::{Any, Asked, Written};
    match road {
        Road::Source => vec![
            (STORER, Any),
            (STORER, Any),
            (STORER, Written),
            (STORER, Asked),
            (READER, Any),
            (READER, Written),
        ],
        Road::Consumer => vec![(READER, Any), (READER, Written), (READER, Asked)],
    }
}

/// Row 16. Killed after the store has written and before that is committed, among other moments.
async fn killed(servers: Arc<Servers>, road: Road, mut random: Random) -> Vec<Report> {
    let scene = Scene::on(servers).await;
    let proxy = Toxiproxy::start().await;
    let way = proxy
        .forward("store", scene.servers.mongodb_address())
        .await;
    let stack = Stack::start(&scene.clone().through(&way), road).await;
    let mut traffic = Traffic::through(scene, road, stack).await;
    stores_again(&traffic.scene).await;
    let mut kills = kills(road);
    random.shuffle(&mut kills);
    let mut repetitions = Repetitions::default();
    let mut not_committed = 0;
    for (victim, moment) in &kills {
        repetitions.end_life(&traffic, *victim).await;
        swallow(&proxy, *moment).await;
        // Longer than consumer waits between two commits, so that it would commit what it should not.
        sleep(Duration::from_millis(1_000 + random.below(600))).await;
        if *moment == Moment::Written {
            not_committed += stored_and_not_committed(&traffic.scene).await;
        }
        traffic.stack.delivery[*victim].kill().await;
        proxy.heal().await;
        repetitions.begin_life(&traffic, *victim).await;
        traffic.stack.delivery[*victim].revive().await;
        stores_again(&traffic.scene).await;
    }
    goes_on(&traffic.scene).await;
    let repeated = repetitions.so_far(&traffic).await;
    vec![
        Report::of(16, traffic.settle().await)
            .evidence("kills", kills.len() as u64)
            .evidence("stored and not committed", not_committed)
            .evidence("delivered again", repeated),
    ]
}

/// Lets the store's answers, or what it is asked, disappear on the way.
async fn swallow(proxy: &Toxiproxy, moment: Moment) {
    let stream = match moment {
        Moment::Any => return,
        Moment::Written => "downstream",
        Moment::Asked => "upstream",
    };
    proxy
        .poison("store", stream, "timeout", &json!({"timeout": 0}))
        .await;
}

/// Waits until something is stored that is not yet.
async fn stores_again(scene: &Scene) {
    let before = scene.count_documents().await;
    within(GROUP_MAX, "another purchase to be stored", async || {
        (scene.count_documents().await > before).then_some(())
    })
    .await;
}

async fn stored_and_not_committed(scene: &Scene) -> u64 {
    let positions = scene.positions().await;
    let committed: i64 = positions.iter().map(|position| position.committed).sum();
    let stored = scene.count_documents().await;
    stored.saturating_sub(u64::try_from(committed).unwrap())
}

/// Deliveries of what was stored before, at least: what a process has counted between the last look at it and its end is lost.
#[derive(Default)]
struct Repetitions {
    /// Of lives that ended.
    counted: u64,
    /// When the present life of storer began.
    stored: u64,
}

impl Repetitions {
    async fn end_life(&mut self, traffic: &Traffic, victim: usize) {
        if victim == witness(traffic.road) {
            self.counted = self.so_far(traffic).await;
        }
    }

    async fn begin_life(&mut self, traffic: &Traffic, victim: usize) {
        if victim == witness(traffic.road) {
            self.stored = traffic.scene.count_documents().await;
        }
    }

    async fn so_far(&self, traffic: &Traffic) -> u64 {
        let program = &traffic.stack.delivery[witness(traffic.road)];
        let in_this_life = match traffic.road {
            Road::Consumer => program.metric("delivery_events_duplicate_total").await,
            // storer does not say which of them it had stored before.
            Road::Source => {
                let taken = answered(program, "204").await;
                let stored = traffic.scene.count_documents().await - self.stored;
                taken.saturating_sub(stored)
            }
        };
        self.counted + in_this_life
    }
}

/// The program that learns whether a purchase was stored before.
fn witness(road: Road) -> usize {
    match road {
        Road::Source => STORER,
        Road::Consumer => READER,
    }
}

/// Row 17. Members of a group stand still, are killed, and come.
async fn churned(servers: Arc<Servers>, road: Road, mut random: Random) -> Vec<Report> {
    let scene = Scene::on(servers).await;
    let mut group = Group {
        traffic: Traffic::start(scene, road).await,
        members: vec![READER],
        repeated: 0,
    };
    group.join().await;
    let sleeper = usize::try_from(random.below(2)).unwrap();
    group.stands_still(sleeper).await;
    group.join().await;
    // The group takes as long to take notice of two as of one.
    for victims in [1, 2] {
        random.shuffle(&mut group.members);
        sleep(Duration::from_millis(random.below(1_000))).await;
        group.killed(victims).await;
    }
    let Group {
        traffic,
        members,
        mut repeated,
    } = group;
    match road {
        Road::Source => repeated = Repetitions::default().so_far(&traffic).await,
        Road::Consumer => {
            for member in members {
                repeated += duplicates(&traffic, member).await;
            }
        }
    }
    vec![
        Report::of(17, traffic.settle().await)
            .evidence("members gone", 4)
            .evidence("members come", 2)
            .evidence("delivered again", repeated),
    ]
}

/// Several members beside each other.
struct Group {
    traffic: Traffic,
    /// Where they are among the programs.
    members: Vec<usize>,
    /// What consumers that were killed had found stored before.
    repeated: u64,
}

impl Group {
    /// Another member comes.
    async fn join(&mut self) {
        let Traffic {
            scene, road, stack, ..
        } = &mut self.traffic;
        let member = match road {
            Road::Source => scene.source(&stack.delivery[STORER].url(), &[]).await,
            Road::Consumer => scene.consumer().await,
        };
        self.members.push(stack.delivery.len());
        stack.delivery.push(member);
        self.shared_out(self.members.len()).await;
    }

    /// Until the group has given it up, so longer than a session; then it goes on as if nothing had happened.
    async fn stands_still(&self, nth: usize) {
        let member = &self.traffic.stack.delivery[self.members[nth]];
        member.signal(Signal::STOP);
        self.shared_out(self.members.len() - 1).await;
        goes_on(&self.traffic.scene).await;
        member.signal(Signal::CONT);
        self.shared_out(self.members.len()).await;
    }

    /// The first few of them at once, and each comes back as a new member.
    async fn killed(&mut self, count: usize) {
        for victim in &self.members[..count] {
            if self.traffic.road == Road::Consumer {
                self.repeated += duplicates(&self.traffic, *victim).await;
            }
            self.traffic.stack.delivery[*victim].kill().await;
        }
        for victim in &self.members[..count] {
            self.traffic.stack.delivery[*victim].revive().await;
        }
        goes_on(&self.traffic.scene).await;
        self.shared_out(self.members.len()).await;
    }

    /// Waits until the partitions belong to so many members.
    async fn shared_out(&self, members: usize) {
        within(GROUP_MAX, "the partitions to be shared out", async || {
            (self.traffic.scene.members().await == Some(members)).then_some(())
        })
        .await;
    }
}

/// Waits until everything that is in the log now is committed.
async fn goes_on(scene: &Scene) {
    let written = scene.positions().await;
    within(GROUP_MAX, "every partition to go on", async || {
        let positions = scene.positions().await;
        let mut pairs = positions.iter().zip(&written);
        pairs
            .all(|(now, then)| now.committed >= then.end)
            .then_some(())
    })
    .await;
}

/// What a consumer has found stored before.
async fn duplicates(traffic: &Traffic, member: usize) -> u64 {
    let program = &traffic.stack.delivery[member];
    program.metric("delivery_events_duplicate_total").await
}
