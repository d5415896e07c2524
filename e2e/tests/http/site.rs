//! Where the functions are, whatever they run in.

use e2e::{Program, Road, Scene, Servers, Stack, Surroundings, path_of, scratch, topics};
use rdkafka::message::Message as _;
use testkit::product::{Folder, Product};

/// A page there may ask.
pub(crate) const ORIGIN: &str = "https://shop.example";

/// Base addresses of running functions.
pub(crate) struct Site {
    pub(crate) name: &'static str,
    /// The gateway, and the page.
    pub(crate) page: String,
    pub(crate) buy: String,
    pub(crate) storer: String,
    pub(crate) query: String,
    pub(crate) consumer: Option<String>,
    parts: Parts,
}

struct Functions {
    scene: Scene,
    stack: Stack,
    /// Of consumer.
    beside: Scene,
    consumer: Program,
}

enum Parts {
    Product(Box<(Product, Folder)>),
    Functions(Box<Functions>),
}

impl Site {
    pub(crate) async fn in_one_process() -> Self {
        let folder = Folder::new(path_of("user-buy-list"), scratch());
        let product = Product::start_command(folder.command().env("CORS_ORIGINS", ORIGIN)).await;
        let [page, buy, storer, query] =
            [&product.page, &product.buy, &product.storer, &product.query].map(Clone::clone);
        Self {
            name: "in one process",
            page,
            buy,
            storer,
            query,
            consumer: None,
            parts: Parts::Product(Box::new((product, folder))),
        }
    }

    /// The processes of both roads on one store; consumer has a topic of its own, so that every record has one reader.
    pub(crate) async fn of_functions() -> Self {
        let mut scene = Scene::new(Servers::shared()).await;
        scene.surroundings = Surroundings {
            env: vec![("CORS_ORIGINS", ORIGIN.to_owned())],
            files_max: None,
        };
        let stack = Stack::start(&scene, Road::Source).await;
        let mut beside = scene.beside().await;
        beside.mongodb_uri.clone_from(&scene.mongodb_uri);
        beside.surroundings.clone_from(&scene.surroundings);
        let consumer = beside.consumer().await;
        Self {
            name: "functions",
            page: stack.frontend.url(),
            buy: stack.buy.url(),
            storer: stack.delivery[1].url(),
            query: stack.query.url(),
            consumer: Some(consumer.url()),
            parts: Parts::Functions(Box::new(Functions {
                scene,
                stack,
                beside,
                consumer,
            })),
        }
    }

    /// Where one buys.
    pub(crate) fn shops(&self) -> [String; 3] {
        [
            self.buy.clone(),
            self.page.clone(),
            format!("{}/api", self.page),
        ]
    }

    /// Who answers `GET /getAllUserBuys`.
    pub(crate) fn lists(&self) -> Vec<String> {
        let mut lists = self.shops().to_vec();
        lists.extend(self.readers());
        lists
    }

    /// Who answers `GET /purchases`.
    pub(crate) fn readers(&self) -> Vec<String> {
        let query = [self.query.clone()].into_iter();
        query.chain(self.consumer.clone()).collect()
    }

    /// Who answers `POST /purchases`.
    pub(crate) fn writers(&self) -> Vec<String> {
        let storer = [self.storer.clone()].into_iter();
        storer.chain(self.consumer.clone()).collect()
    }

    pub(crate) fn all(&self) -> Vec<String> {
        let ports = [&self.page, &self.buy, &self.storer, &self.query];
        let ports = ports.into_iter().cloned();
        ports.chain(self.consumer.clone()).collect()
    }

    /// How many events of a user are in the topics; nothing where there are none.
    pub(crate) async fn logged(&self, userid: &str) -> Option<usize> {
        let Parts::Functions(parts) = &self.parts else {
            return None;
        };
        let mut logged = 0;
        for scene in [&parts.scene, &parts.beside] {
            let (kafka, topic) = (scene.servers.kafka.clone(), scene.topic.clone());
            let records = tokio::task::spawn_blocking(move || topics::read_all(&kafka, &topic));
            let records = records.await.unwrap();
            let own = records
                .iter()
                .filter(|record| record.key() == Some(userid.as_bytes()));
            logged += own.count();
        }
        Some(logged)
    }

    pub(crate) async fn stop(self) {
        match self.parts {
            Parts::Product(parts) => {
                let (product, _folder) = *parts;
                product.stop().await;
            }
            Parts::Functions(parts) => {
                let Functions {
                    stack, consumer, ..
                } = *parts;
                assert!(consumer.stop().await.success());
                stack.stop().await;
            }
        }
    }
}
