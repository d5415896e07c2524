//! buy with a wall clock that is an hour wrong, and goes back while it runs.
//!
//! buy alone gives purchases their time and their ids. It gets its clock from libfaketime, which reads how wrong it is from a
//! file; what measures how long something takes is another clock, and stays right. (libfaketime does not know of every wait
//! of librdkafka, so buy may spin meanwhile; the others could not do their work at all.)

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use e2e::{Scene, Stack, Traffic, buy_once};
use mongodb::bson::{DateTime, doc};
use serde_json::Value;
use testkit::app::client;
use testkit::eventually;
use testkit::oracle::{Intent, Outcome};
use tokio::time::{Instant, sleep};

use super::Case;
use super::log::ROADS;
use crate::report::{Report, name_of};

const REPEATED: usize = 40;
const HOUR_S: i64 = 3_600;
/// Of load at each time.
const STAY: Duration = Duration::from_secs(3);
/// A purchase that is so far from now has its time from a wrong clock.
const FAR: i64 = 30 * 60 * 1_000;

/// Row 38.
pub(crate) async fn wrong(mut case: Case) -> Vec<Report> {
    let mut reports = Vec::new();
    for road in ROADS {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("offset");
        set(&file, 0);
        let scene = Scene::on(case.servers.clone()).await;
        let mut stack = Stack::start(&scene, road).await;
        let mut elsewhen = scene.clone();
        elsewhen.surroundings.env = vec![
            ("LD_PRELOAD", library().display().to_string()),
            ("FAKETIME_TIMESTAMP_FILE", file.display().to_string()),
            ("FAKETIME_CACHE_DURATION", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ];
        let buy = elsewhen.buy(&stack.query.url()).await;
        std::mem::replace(&mut stack.buy, buy).stop().await;
        let traffic = Traffic::through(scene.clone(), road, stack).await;
        let url = traffic.stack.buy.url();
        let intents: Vec<_> = (0..REPEATED)
            .map(|n| Intent::new(&format!("user-{}", n % 7), true))
            .collect();
        let mut repeated = HashSet::new();
        let mut offsets = [HOUR_S, -HOUR_S, 0, HOUR_S, 0, -HOUR_S];
        case.random.shuffle(&mut offsets[1..]);
        for offset in [0].iter().chain(&offsets) {
            set(&file, *offset);
            let changed = Instant::now();
            eventually("another time", async || {
                let told = buy_once(url.clone()).await;
                let time = told.body["purchase"]["timestamp"].as_str()?.to_owned();
                let time = DateTime::parse_rfc3339_str(time).ok()?.timestamp_millis();
                let wrong = time - DateTime::now().timestamp_millis() - offset * 1_000;
                (wrong.abs() < FAR).then_some(())
            })
            .await;
            for intent in &intents {
                if let Outcome::Accepted(id) = traffic.oracle.buy(&client(), &url, intent).await {
                    repeated.insert(id);
                }
            }
            sleep(STAY.saturating_sub(changed.elapsed())).await;
        }
        let documents = scene.documents().await;
        let settled = traffic.settle().await;
        let (refused, slowest) = (settled.told.refused(), settled.told.slowest());
        let now = DateTime::now().timestamp_millis();
        let count = async |filter| documents.count_documents(filter).await.unwrap();
        let ahead = count(doc! {"timestamp": {"$gt": DateTime::from_millis(now + FAR)}}).await;
        let back = count(doc! {"timestamp": {"$lt": DateTime::from_millis(now - FAR)}}).await;
        // What was bought in the right hour and repeated in every other keeps its time.
        let moved = doc! {
            "_id": {"$in": repeated.iter().cloned().collect::<Vec<_>>()},
            "$or": [{"timestamp": {"$gt": DateTime::from_millis(now + FAR)}}, {"timestamp": {"$lt": DateTime::from_millis(now - FAR)}}],
        };
        let moved = count(moved).await;
        let unstable = unstable_lists(&scene).await;
        reports.push(
            Report::new(38, name_of(road))
                .settled(settled)
                .expect(refused == 0, || {
                    format!("{refused} purchases were not accepted")
                })
                .within("an answer", slowest, Duration::from_secs(5))
                .expect(repeated.len() == REPEATED, || {
                    format!("{} ids of {REPEATED} keys", repeated.len())
                })
                .expect(moved == 0, || {
                    format!("{moved} purchases have the time of a repetition")
                })
                .expect(unstable.is_empty(), || unstable.join("\n"))
                .evidence("an hour ahead", ahead)
                .evidence("an hour back", back)
                .evidence("keys repeated", repeated.len() as u64),
        );
    }
    reports
}

/// How wrong the clock is from now on, in seconds. At once: a file that is half written is no time.
fn set(file: &Path, offset_s: i64) {
    let new = file.with_extension("new");
    fs::write(&new, format!("{offset_s:+}")).unwrap();
    fs::rename(new, file).unwrap();
}

fn library() -> PathBuf {
    let folders = fs::read_dir("/usr/lib").unwrap();
    let mut paths =
        folders.map(|folder| folder.unwrap().path().join("faketime/libfaketimeMT.so.1"));
    paths
        .find(|path| path.exists())
        .expect("libfaketime is missing: apt-get install faketime")
}

/// Lists that look otherwise when they are read again, or page by page.
async fn unstable_lists(scene: &Scene) -> Vec<String> {
    let query = scene.query().await;
    let mut unstable = Vec::new();
    for user in 0..7 {
        let list = format!("{}/getAllUserBuys/user-{user}", query.url());
        let whole = read(&list).await.0;
        let again = read(&list).await.0;
        let mut pages = Vec::new();
        let mut next = Some("?limit=17".to_owned());
        while let Some(query) = next {
            let (page, link) = read(&format!("{list}{query}")).await;
            pages.extend(page);
            next = link;
        }
        if whole.is_empty() || whole != again || whole != pages {
            unstable.push(format!(
                "user-{user}: {} purchases, {} in pages",
                whole.len(),
                pages.len()
            ));
        }
    }
    query.stop().await;
    unstable
}

/// A list, and the query of the next page.
async fn read(url: &str) -> (Vec<Value>, Option<String>) {
    let answer = client().get(url).send().await.unwrap();
    let link = answer
        .headers()
        .get("link")
        .map(|link| link.to_str().unwrap().to_owned());
    let next = link.and_then(|link| Some(link.split_once('<')?.1.split_once('>')?.0.to_owned()));
    (
        serde_json::from_str(&answer.text().await.unwrap()).unwrap(),
        next,
    )
}
