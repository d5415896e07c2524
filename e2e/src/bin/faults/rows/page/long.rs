//! Row 32, as the page sees it: somebody has bought 100,000 times.

use std::time::Duration;

use serde_json::json;
use testkit::product::Folder;
use testkit::sample::fresh_user;
use tokio::time::Instant;

use super::{BUY, ITEM, MORE, SURPRISE, Shop};
use crate::report::Report;

const PURCHASES: usize = 100_000;
/// How often the person wants to see more.
const PAGES: u64 = 20;

/// Upper bounds for a machine that does much else at the same time: some ten times what was seen on one that does not.
const FIRST_MAX: Duration = Duration::from_secs(5);
const INPUT_MAX: Duration = Duration::from_secs(5);
const LOADED_KIB_MAX: u64 = 1_024;
const HEAP_KIB_MAX: u64 = 32 * 1_024;
const NODES_MAX: u64 = 40_000;

pub(super) async fn usable(shop: &Shop<'_>, folder: &Folder) -> Report {
    let browser = shop.browser;
    let userid = fresh_user();
    fill(folder, &userid);
    let begun = Instant::now();
    shop.open_list(&userid).await;
    let newest = format!("thing {}", PURCHASES - 1);
    browser.shows(&newest).await;
    let first = begun.elapsed();
    let mut slowest = surprised(shop).await;
    let mut shown = things(&browser.text().await);
    for _ in 0..PAGES {
        let begun = Instant::now();
        browser.press(MORE).await;
        let more = |text: &str| things(text) > shown;
        shown = things(&browser.until("more purchases", more).await);
        slowest = slowest.max(begun.elapsed());
    }
    slowest = slowest.max(surprised(shop).await);
    shop.fill_in("Ada", &userid, "one more thing").await;
    let begun = Instant::now();
    browser.press(BUY).await;
    browser.shows("Bought: one more thing.").await;
    slowest = slowest.max(begun.elapsed());
    browser.picture("32-embedded-long").await;
    let used = Used::by(shop).await;
    let complaints = browser.complaints().await;
    let stored = shop.list(&userid).await.len();
    Report::new(32, shop.road())
        .counted(1, 1, stored)
        .expect(stored == PURCHASES + 1, || format!("{stored} are stored"))
        .expect(complaints.is_empty(), || {
            format!("the browser complains: {complaints:?}")
        })
        .within("the first rows", first, FIRST_MAX)
        .within("an answer to input", slowest, INPUT_MAX)
        .expect(used.loaded_kib <= LOADED_KIB_MAX, || {
            format!("{used:?}: {LOADED_KIB_MAX} KiB may be loaded")
        })
        .expect(used.heap_kib <= HEAP_KIB_MAX, || {
            format!("{used:?}: the heap may have {HEAP_KIB_MAX} KiB")
        })
        .expect(used.nodes <= NODES_MAX, || {
            format!("{used:?}: there may be {NODES_MAX} nodes")
        })
        .evidence("rows shown", shown as u64)
        .evidence("first ms", millis(first))
        .evidence("slowest ms", millis(slowest))
        .evidence("loaded KiB", used.loaded_kib)
        .evidence("heap KiB", used.heap_kib)
        .evidence("nodes", used.nodes)
}

/// Straight into the product's file, as a hundred thousand purchases of long ago.
fn fill(folder: &Folder, userid: &str) {
    let sql = format!(
        "WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < {PURCHASES})
         INSERT INTO purchases (id, userid, username, item, price, timestamp)
         SELECT printf('01930000-0000-7000-8000-%012x', n), '{userid}', 'Ada', 'thing ' || n, '1.5', 1700000000000 + n
         FROM numbers;"
    );
    folder.open_database().execute_batch(&sql).unwrap();
}

/// How many of them can be read.
fn things(text: &str) -> usize {
    text.matches("thing ").count()
}

/// How long it takes until a button does something.
async fn surprised(shop: &Shop<'_>) -> Duration {
    let before = shop.browser.value(ITEM).await;
    let begun = Instant::now();
    // It may choose the same again.
    while shop.browser.value(ITEM).await == before {
        shop.browser.press(SURPRISE).await;
    }
    begun.elapsed()
}

/// What the page has used.
#[derive(Debug)]
struct Used {
    loaded_kib: u64,
    heap_kib: u64,
    nodes: u64,
}

impl Used {
    async fn by(shop: &Shop<'_>) -> Self {
        let browser = shop.browser;
        let loaded = "return performance.getEntriesByType('resource').reduce((sum, { decodedBodySize }) => sum + decodedBodySize, 0)";
        let loaded = browser.run(loaded, json!([])).await;
        let command = async |name| browser.devtools(name, json!({})).await;
        command("HeapProfiler.collectGarbage").await;
        let heap = command("Runtime.getHeapUsage").await;
        let dom = command("Memory.getDOMCounters").await;
        Self {
            loaded_kib: loaded.as_u64().unwrap() / 1_024,
            heap_kib: heap["usedSize"].as_u64().unwrap() / 1_024,
            nodes: dom["nodes"].as_u64().unwrap(),
        }
    }
}

fn millis(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap()
}
