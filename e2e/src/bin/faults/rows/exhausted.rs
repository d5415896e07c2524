//! The store is away for longer than the source tries.

use std::time::Duration;

use e2e::{Letters, Road, Scene, Traffic, topics};
use tokio::time::sleep;

use super::Case;
use crate::report::Report;

/// A span of one retry. A try takes as long as storer looks for a server.
const DELIVERY: [(&str, &str); 2] = [("RETRY", "1"), ("BACKOFF_DELAY", "PT0.1S")];
/// Longer than two tries of any event.
const AWAY: Duration = Duration::from_secs(20);

/// Row 39: what died is put back by redrive, and nothing else is needed.
pub(crate) async fn redriven(case: Case) -> Vec<Report> {
    let servers = case.servers;
    let letters = Letters::start().await;
    let settings = [
        DELIVERY[0],
        DELIVERY[1],
        ("DEAD_LETTER_SINK", letters.app.url.as_str()),
    ];
    let scene = Scene::on(servers.clone()).await;
    let traffic = Traffic::start_with(scene, Road::Source, &settings).await;
    servers.run_async(&["kill", "mongod"]).await;
    sleep(AWAY).await;
    servers.run_async(&["up", "mongod"]).await;
    traffic.stores_more(AWAY).await;
    // Those that began while it was away have been decided by then.
    sleep(AWAY).await;

    let died = letters.as_records();
    let scene = &traffic.scene;
    topics::produce(&servers.kafka, &scene.dead_letters, &died).await;
    let mut redrive = scene.redrive(&["replay", "--execute"]);
    let output = tokio::task::spawn_blocking(move || redrive.output().unwrap())
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    let settled = traffic.settle().await;
    let refused = settled.told.refused();
    let died_later = letters.as_records().len() - died.len();
    let kept = settled.dead_letters;
    vec![
        Report::new(39, "source")
            .judged(settled.verdict)
            .expect(refused == 0, || {
                format!("{refused} purchases were not accepted while only the store was away")
            })
            .expect(kept == died.len() && died_later == 0, || {
                format!("{kept} dead letters are kept, and {died_later} came later")
            })
            .expect(output.status.success(), || {
                format!("redrive ended with {}: {said}", output.status)
            })
            .evidence("died and were put back", died.len() as u64),
    ]
}
