//! What stands of purchases that nobody records now, compared as the writer compares.

use std::time::Duration;

use async_trait::async_trait;
use mongodb::Collection;
use mongodb::bson::RawDocumentBuf;
use purchase::{Entry, Origin, PortError, PurchaseLookup, Standing};

use crate::MongoStore;
use crate::earlier;
use crate::error::MongoError;
use crate::writer::read_stored;

/// Two queries, each of which the server gives up after seven seconds.
const DEADLINE: Duration = Duration::from_secs(15);

#[async_trait]
impl PurchaseLookup for MongoStore {
    async fn look_up(&self, batch: Vec<Entry>) -> Result<Vec<Standing>, PortError> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let purchases = self.purchases.clone();
        let read = async move { look_up(&purchases, &batch).await };
        Ok(self.calls.run(DEADLINE, read).await?)
    }
}

async fn look_up(
    purchases: &Collection<RawDocumentBuf>,
    batch: &[Entry],
) -> Result<Vec<Standing>, MongoError> {
    let ids = batch.iter().map(|entry| entry.purchase.id).collect();
    let stored = read_stored(purchases, ids).await?;
    let standing = |entry: &Entry| match stored.get(&entry.purchase.id) {
        None => Standing::Absent,
        Some(Ok(stored)) if stored.same_content(&entry.purchase) => Standing::Same,
        // Also one that cannot be read: it is not this purchase, and it stands.
        Some(Ok(_) | Err(_)) => Standing::Other,
    };
    let mut standings: Vec<_> = batch.iter().map(standing).collect();
    let is_raw = |place: &usize| batch[*place].origin == Origin::RawRecord;
    let places: Vec<_> = (0..batch.len()).filter(is_raw).collect();
    if !places.is_empty() {
        let records: Vec<_> = places.iter().map(|place| &batch[*place].purchase).collect();
        let earlier = earlier::find(purchases, &records).await?;
        for (place, _) in places.into_iter().zip(earlier).filter(|(_, found)| *found) {
            standings[place] = Standing::Same;
        }
    }
    Ok(standings)
}
