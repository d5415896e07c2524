//! A deployment: the functions together, by one road or both.

use std::process::Command;
use std::sync::Arc;

use mongodb::bson::{Document, doc};
use mongodb::{Client, Collection};
use testkit::{eventually, sample};

use crate::topics::Position;
use crate::{Program, Servers, Surroundings, path_of, topics};

/// How purchases get from Kafka to MongoDB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Road {
    /// The KafkaSource's stand-in delivers to storer.
    Source,
    /// consumer delivers.
    Consumer,
}

/// Topics and a database of a test's own, on servers that it may share.
#[derive(Clone)]
pub struct Scene {
    pub servers: Arc<Servers>,
    /// Where our programs find the brokers, and the store: the servers themselves, unless a test puts something in between.
    pub brokers: String,
    pub topic: String,
    pub dead_letters: String,
    pub group: String,
    pub mongodb_uri: String,
    pub database: String,
    /// Of all programs that are started on it.
    pub surroundings: Surroundings,
}

impl Scene {
    pub async fn new(servers: Servers) -> Self {
        Self::on(Arc::new(servers)).await
    }

    /// Another one on the same servers.
    pub async fn beside(&self) -> Self {
        Self::on(self.servers.clone()).await
    }

    /// With the limits of the deployments.
    pub async fn on(servers: Arc<Servers>) -> Self {
        Self::with_limits(servers, 128 * 1024, 2 * 1024 * 1024).await
    }

    /// With the largest record, in bytes, of purchases and of dead letters.
    pub async fn with_limits(
        servers: Arc<Servers>,
        purchases_max: u32,
        dead_letters_max: u32,
    ) -> Self {
        let unique = sample::purchase("x").id.to_string();
        let (topic, dead_letters) = (
            format!("purchases-{unique}"),
            format!("dead-letters-{unique}"),
        );
        topics::create(&servers.kafka, &topic, 3, purchases_max).await;
        topics::create(&servers.kafka, &dead_letters, 1, dead_letters_max).await;
        let (before, after) = servers.mongodb.split_once("/purchases?").unwrap();
        let database = format!("e2e-{unique}");
        Self {
            mongodb_uri: format!("{before}/{database}?{after}"),
            brokers: servers.kafka.clone(),
            servers,
            topic,
            dead_letters,
            group: format!("group-{unique}"),
            database,
            surroundings: Surroundings::default(),
        }
    }

    async fn start(&self, name: &'static str, env: Vec<(&'static str, String)>) -> Program {
        Program::start_in(self.surroundings.clone(), name, env).await
    }

    fn kafka(&self) -> Vec<(&'static str, String)> {
        vec![
            ("KAFKA_BROKER", self.brokers.clone()),
            ("PURCHASE_TOPIC", self.topic.clone()),
            ("DEAD_LETTER_TOPIC", self.dead_letters.clone()),
            ("KAFKA_GROUP_ID", self.group.clone()),
        ]
    }

    fn mongodb(&self) -> Vec<(&'static str, String)> {
        vec![("MONGODB_URI", self.mongodb_uri.clone())]
    }

    pub async fn buy(&self, customer_management: &str) -> Program {
        self.buy_with(&[("CUSTOMER_MANAGEMENT_URL", customer_management)])
            .await
    }

    pub async fn buy_with(&self, other: &[(&'static str, &str)]) -> Program {
        self.start("buy", and(self.kafka(), other)).await
    }

    pub async fn storer(&self) -> Program {
        self.start("storer", self.mongodb()).await
    }

    pub async fn query(&self) -> Program {
        self.start("query", self.mongodb()).await
    }

    pub async fn consumer(&self) -> Program {
        let env = self.kafka().into_iter().chain(self.mongodb()).collect();
        self.start("consumer", env).await
    }

    /// `consumer redrive` with these words, as somebody at a terminal runs it.
    pub fn redrive(&self, words: &[&str]) -> Command {
        let mut command = Command::new(path_of("consumer"));
        command.arg("redrive").args(words).env_clear();
        command.envs(self.kafka().into_iter().chain(self.mongodb()));
        command
    }

    /// With the delivery that the manifests set, linear from 0.1 s for a day, unless a test sets another.
    pub async fn source(&self, storer: &str, other: &[(&'static str, &str)]) -> Program {
        let delivery = [
            ("TOPIC", self.topic.as_str()),
            ("SINK", storer),
            ("ORDERING", "unordered"),
            ("BACKOFF_POLICY", "linear"),
            ("BACKOFF_DELAY", "PT0.1S"),
            ("RETRY", "1320"),
        ];
        let env = and(self.kafka(), &delivery);
        self.start("kafka-source", and(env, other)).await
    }

    pub async fn frontend(&self, buy: &str, query: &str) -> Program {
        let urls = [("BUY_URL", buy), ("QUERY_URL", query)];
        let env = urls.map(|(name, url)| (name, url.to_owned())).into();
        self.start("frontend", env).await
    }

    /// The address of a database server that is reached in another way.
    #[must_use]
    pub fn through(mut self, mongodb: &str) -> Self {
        let (_, path) = self
            .mongodb_uri
            .trim_start_matches("mongodb://")
            .split_once('/')
            .unwrap();
        self.mongodb_uri = format!("mongodb://{mongodb}/{path}");
        self
    }

    /// The documents, past our own code.
    pub async fn documents(&self) -> Collection<Document> {
        let client = Client::with_uri_str(&self.mongodb_uri).await.unwrap();
        client.database(&self.database).collection("purchases")
    }

    /// How many there are.
    pub async fn count_documents(&self) -> u64 {
        self.documents()
            .await
            .count_documents(doc! {})
            .await
            .unwrap()
    }

    /// Waits until the group has committed everything.
    pub async fn drained(&self) {
        eventually("the group to commit everything", async || {
            (self.lag().await == 0).then_some(())
        })
        .await;
    }

    /// How many records the group has not committed yet.
    pub async fn lag(&self) -> i64 {
        let positions = self.positions().await;
        positions
            .iter()
            .map(|position| position.end - position.committed)
            .sum()
    }

    /// Where the group is, by partition.
    pub async fn positions(&self) -> Vec<Position> {
        let scene = self.clone();
        let positions = tokio::task::spawn_blocking(move || {
            topics::positions(&scene.servers.kafka, &scene.group, &scene.topic)
        });
        positions.await.unwrap()
    }

    /// How many members the group has, once it has shared out its partitions among them.
    pub async fn members(&self) -> Option<usize> {
        let scene = self.clone();
        let members = tokio::task::spawn_blocking(move || {
            topics::members(&scene.servers.kafka, &scene.group)
        });
        members.await.unwrap()
    }
}

/// Of two variables of the same name, the later one counts.
fn and(
    mut env: Vec<(&'static str, String)>,
    other: &[(&'static str, &str)],
) -> Vec<(&'static str, String)> {
    env.extend(
        other
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned())),
    );
    env
}

/// The processes of one deployment.
pub struct Stack {
    pub buy: Program,
    pub query: Program,
    pub frontend: Program,
    /// kafka-source and storer, or consumer.
    pub delivery: Vec<Program>,
}

impl Stack {
    pub async fn start(scene: &Scene, road: Road) -> Self {
        Self::start_with(scene, road, &[]).await
    }

    /// With other settings of the source.
    pub async fn start_with(scene: &Scene, road: Road, source: &[(&'static str, &str)]) -> Self {
        let query = scene.query().await;
        let mut customer_management = query.url();
        let delivery = match road {
            Road::Source => {
                let storer = scene.storer().await;
                vec![scene.source(&storer.url(), source).await, storer]
            }
            Road::Consumer => {
                let consumer = scene.consumer().await;
                customer_management = consumer.url();
                vec![consumer]
            }
        };
        let buy = scene.buy(&customer_management).await;
        let frontend = scene.frontend(&buy.url(), &query.url()).await;
        Self {
            buy,
            query,
            frontend,
            delivery,
        }
    }

    /// All of them.
    pub fn programs(&self) -> impl Iterator<Item = &Program> {
        [&self.buy, &self.query, &self.frontend]
            .into_iter()
            .chain(&self.delivery)
    }

    /// Stops all as a platform would, and holds each to a clean end.
    pub async fn stop(self) {
        let Self {
            buy,
            query,
            frontend,
            delivery,
        } = self;
        for program in [frontend, buy].into_iter().chain(delivery).chain([query]) {
            let said = program.said();
            let status = program.stop().await;
            assert!(status.success(), "{status}:\n{said}");
        }
    }
}
