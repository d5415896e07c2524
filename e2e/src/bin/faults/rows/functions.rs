//! Every function at once, for clients that keep to no rule.

use std::sync::Arc;

use e2e::{Program, Road, Scene, Servers, Stack, buy_once};
use testkit::app::client;
use testkit::eventually;

use crate::report::Report;

/// The processes of both roads on one store. consumer has a topic of its own, so that every record has one reader.
pub(super) struct Functions {
    pub(super) scene: Scene,
    pub(super) stack: Stack,
    pub(super) consumer: Program,
}

impl Functions {
    /// Starts them, and waits until each has done its work once: the first time costs memory and connections.
    pub(super) async fn start(servers: &Arc<Servers>) -> Self {
        Self::on(Scene::on(servers.clone()).await).await
    }

    pub(super) async fn on(scene: Scene) -> Self {
        let stack = Stack::start(&scene, Road::Source).await;
        let mut beside = scene.beside().await;
        beside.mongodb_uri.clone_from(&scene.mongodb_uri);
        beside.surroundings.clone_from(&scene.surroundings);
        let consumer = beside.consumer().await;
        let functions = Self {
            scene,
            stack,
            consumer,
        };
        eventually("a first purchase", async || {
            let told = buy_once(functions.stack.frontend.url()).await;
            (told.status == 201).then_some(())
        })
        .await;
        for program in [&functions.stack.query, &functions.consumer] {
            eventually("a first list", async || {
                let list = format!("{}/getAllUserBuys/{}", program.url(), e2e::NOBODY);
                let list = client().get(list).send().await.ok()?.text().await.ok()?;
                list.contains("\"id\"").then_some(())
            })
            .await;
        }
        functions
    }

    pub(super) fn storer(&self) -> &Program {
        &self.stack.delivery[1]
    }

    /// Those that clients and other functions talk to.
    pub(super) fn each(&self) -> [(&'static str, &Program); 5] {
        [
            ("buy", &self.stack.buy),
            ("query", &self.stack.query),
            ("storer", self.storer()),
            ("frontend", &self.stack.frontend),
            ("consumer", &self.consumer),
        ]
    }

    /// Stops them, and adds to the report of each what it must never do: panic, or end in another way than it was told to.
    pub(super) async fn stop(self, reports: Vec<Report>) -> Vec<Report> {
        let panicked: Vec<_> = self
            .each()
            .iter()
            .filter_map(|(name, program)| {
                let said = program.said();
                let line = said.lines().find(|line| line.contains("panic"))?;
                Some((*name, line.to_owned()))
            })
            .collect();
        let status = self.consumer.stop().await;
        self.stack.stop().await;
        reports
            .into_iter()
            .map(|report| {
                let panic = panicked.iter().find(|(name, _)| *name == report.road);
                report
                    .expect(panic.is_none(), || format!("{panic:?}"))
                    .expect(status.success(), || format!("consumer ended with {status}"))
            })
            .collect()
    }
}

/// A purchase as a client states it.
pub(super) fn purchase_of(userid: &str) -> String {
    serde_json::json!({"username": "Ada", "userid": userid, "item": "tea", "price": 12.5})
        .to_string()
}
