//! A long list that was always there.

use e2e::Scene;
use mongodb::bson::{DateTime, doc};

/// So many that a list is far from its end when its first bytes are there, and larger than any buffer on its way.
pub(super) const MANY: i64 = 100_000;

/// The id of one of them; the list is in the order of these, downwards.
pub(super) fn id_of(n: i64) -> String {
    format!("01930000-0000-7000-8000-{n:012x}")
}

/// Stores purchases of somebody, past our own code.
pub(super) async fn insert(scene: &Scene, userid: &str, count: i64) {
    const AT_A_TIME: i64 = 10_000;
    let documents = scene.documents().await;
    let item = "tea, with all that belongs to it; ".repeat(4);
    for first in (0..count).step_by(10_000) {
        let purchases = (first..count.min(first + AT_A_TIME)).map(|n| {
            doc! {
                "_id": id_of(n), "username": "Ada", "userid": userid, "item": &item,
                "price": 1.5, "timestamp": DateTime::from_millis(1_700_000_000_000 + n),
            }
        });
        documents.insert_many(purchases).await.unwrap();
    }
}
