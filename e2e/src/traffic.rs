//! A deployment with clients that buy, until the oracle is asked.

use std::sync::Arc;
use std::time::Duration;

use mongodb::bson::doc;
use testkit::app::client;
use testkit::eventually;
use testkit::oracle::{Oracle, Verdict};
use tokio::time::{Instant, sleep};

use crate::load::{self, Load, Told};
use crate::{NOBODY, Road, Scene, Stack, topics};

const USERS: u64 = 20;
pub const BUYS_PER_SECOND: u32 = 100;

/// One road with its clients.
pub struct Traffic {
    pub scene: Scene,
    pub road: Road,
    pub stack: Stack,
    pub oracle: Arc<Oracle>,
    pub load: Load,
}

/// What came of it, when everything was quiet.
pub struct Settled {
    pub road: Road,
    pub verdict: Verdict,
    pub told: Arc<Told>,
    pub dead_letters: usize,
    pub documents: u64,
}

impl Traffic {
    pub async fn start(scene: Scene, road: Road) -> Self {
        Self::start_with(scene, road, &[]).await
    }

    /// With other settings of the source.
    pub async fn start_with(scene: Scene, road: Road, source: &[(&'static str, &str)]) -> Self {
        let stack = Stack::start_with(&scene, road, source).await;
        Self::through(scene, road, stack).await
    }

    pub async fn at_rate(scene: Scene, road: Road, per_second: u32) -> Self {
        let stack = Stack::start(&scene, road).await;
        Self::buying(scene, road, stack, per_second).await
    }

    /// On a stack of the caller's own making.
    pub async fn through(scene: Scene, road: Road, stack: Stack) -> Self {
        Self::buying(scene, road, stack, BUYS_PER_SECOND).await
    }

    async fn buying(scene: Scene, road: Road, stack: Stack, per_second: u32) -> Self {
        let oracle = Arc::new(Oracle::default());
        let load = load::buy(&oracle, &stack.buy.url(), USERS, per_second);
        let traffic = Self {
            scene,
            road,
            stack,
            oracle,
            load,
        };
        traffic.accepts_more(Duration::from_secs(10)).await;
        traffic
    }

    /// Waits until a purchase is accepted that was not yet; how long that took.
    pub async fn accepts_more(&self, within: Duration) -> Duration {
        let (begun, before) = (Instant::now(), self.load.told.accepted());
        while self.load.told.accepted() == before {
            assert!(
                begun.elapsed() < within,
                "{:?}: no purchase is accepted within {within:?}",
                self.road
            );
            sleep(Duration::from_millis(5)).await;
        }
        begun.elapsed()
    }

    pub async fn count_documents(&self) -> u64 {
        self.scene.count_documents().await
    }

    /// Waits until a purchase is stored that was not yet; how long that took.
    pub async fn stores_more(&self, within: Duration) -> Duration {
        let begun = Instant::now();
        let documents = self.scene.documents().await;
        let count = async || documents.count_documents(doc! {}).await.unwrap();
        let before = count().await;
        while count().await == before {
            assert!(
                begun.elapsed() < within,
                "{:?}: no purchase is stored within {within:?}",
                self.road
            );
            sleep(Duration::from_millis(5)).await;
        }
        begun.elapsed()
    }

    /// Buys no more, waits until all is delivered, asks the oracle, and stops the programs as a platform would.
    pub async fn settle(self) -> Settled {
        let told = self.load.end().await;
        // Longer than the longest wait between two tries of a delivery that began in an outage of minutes.
        let begun = Instant::now();
        while self.scene.lag().await > 0 {
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "{:?}: the group does not commit everything",
                self.road
            );
            sleep(Duration::from_millis(100)).await;
        }
        let lists = self
            .oracle
            .full_lists(&client(), &self.stack.query.url())
            .await;
        let letters = topics::read_all(&self.scene.servers.kafka, &self.scene.dead_letters);
        // Past our own code; a list that leaves something out would look like a loss, and one that makes something up like none.
        let collection = self.scene.documents().await;
        let oracles = doc! {"userid": {"$ne": NOBODY}};
        let documents = eventually("the number of documents", async || {
            collection.count_documents(oracles.clone()).await.ok()
        })
        .await;
        let verdict = self.oracle.judge(&lists);
        self.stack.stop().await;
        Settled {
            road: self.road,
            verdict,
            told,
            dead_letters: letters.len(),
            documents,
        }
    }
}
