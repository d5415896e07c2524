//! The reading side: lists page by page, and who owns what.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::TryStreamExt as _;
use mongodb::Collection;
use mongodb::action::Find;
use mongodb::bson::{RawDocument, RawDocumentBuf, doc};
use purchase::{
    Cursor, Owner, PortError, Purchase, PurchaseId, PurchaseReader, Summary, Summing, UserId,
};

use crate::error::{MongoError, hint_refused};
use crate::page::Page;
use crate::{MongoStore, document, summary};

const DEADLINE: Duration = Duration::from_secs(8);
/// The server gives a read up before we do.
pub(crate) const SERVER_TIME_MAX: Duration = Duration::from_secs(7);
/// Documents of one reply; its 16 MB end it long before.
const REPLY_MAX: u32 = 1_000_000;

/// Of a list that is summed up here.
const SUMMED_PAGE: usize = 1_000;

#[async_trait]
impl PurchaseReader for MongoStore {
    async fn list(
        &self,
        owner: &Owner,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Vec<Purchase>, PortError> {
        // To the server, a limit of 0 is none.
        if limit == 0 {
            return Ok(Vec::new());
        }
        let page = Page::new(owner.clone(), after, limit);
        let purchases = self.purchases.clone();
        let read = async move { list(&purchases, &page).await };
        Ok(self.calls.run(DEADLINE, read).await?)
    }

    async fn find_owners(
        &self,
        ids: Vec<PurchaseId>,
    ) -> Result<HashMap<PurchaseId, UserId>, PortError> {
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let purchases = self.purchases.clone();
        let read = async move {
            let find = find_ids(&purchases, ids).projection(doc! { "userid": 1 });
            let owners = fetch(find, document::read_owner).await??;
            Ok(owners.into_iter().collect())
        };
        Ok(self.calls.run(DEADLINE, read).await?)
    }

    async fn summarize(&self, userid: &UserId) -> Result<Summary, PortError> {
        let (purchases, owner) = (self.purchases.clone(), userid.clone());
        let read = async move { summary::of(&purchases, &owner).await };
        match self.calls.run(DEADLINE, read).await? {
            Some(summary) => Ok(summary),
            None => {
                let _turn = self.sums.acquire().await.map_err(PortError::permanent)?;
                let owner = Owner::User(userid.clone());
                let sums = tokio::time::timeout(DEADLINE, self.sum_up_list(&owner)).await;
                sums.map_err(|_| PortError::transient("the list was not summed up in time"))?
            }
        }
    }
}

impl MongoStore {
    /// Of documents that the server does not read as we do.
    async fn sum_up_list(&self, owner: &Owner) -> Result<Summary, PortError> {
        let mut sums = Summing::default();
        let mut after = None;
        loop {
            let page = self.list(owner, after, SUMMED_PAGE).await?;
            for purchase in &page {
                let added = sums.add(purchase);
                added.ok_or_else(|| PortError::permanent("a sum has more than 34 digits"))?;
            }
            match page.last() {
                Some(last) if page.len() == SUMMED_PAGE => after = Some(last.cursor()),
                _ => return Ok(sums.end()),
            }
        }
    }
}

async fn list(
    purchases: &Collection<RawDocumentBuf>,
    page: &Page,
) -> Result<Vec<Purchase>, MongoError> {
    match fetch(page.find(purchases), document::read).await {
        Err(error) if page.names_an_index() && hint_refused(&error) => {
            fetch(page.find_without_index(purchases), document::read).await?
        }
        result => result?,
    }
}

/// What stands under these ids. One more than there are fits into the reply: the server leaves the cursor open otherwise,
/// and asking it whether there is more is another round trip.
pub(crate) fn find_ids(
    purchases: &Collection<RawDocumentBuf>,
    ids: Vec<PurchaseId>,
) -> Find<'_, RawDocumentBuf> {
    let reply = reply_size(ids.len());
    let ids: Vec<_> = ids.into_iter().map(document::id).collect();
    purchases
        .find(doc! { "_id": { "$in": ids } })
        .batch_size(reply)
}

/// A batch size that holds so many documents and one more, in the bounds of an i32.
pub(crate) fn reply_size(documents: usize) -> u32 {
    u32::try_from(documents).map_or(REPLY_MAX, |documents| REPLY_MAX.min(documents + 1))
}

/// All that a query finds: the driver's error outside, a document that cannot be read inside.
pub(crate) async fn fetch<T>(
    find: Find<'_, RawDocumentBuf>,
    read: impl Fn(&RawDocument) -> Result<T, MongoError>,
) -> Result<Result<Vec<T>, MongoError>, mongodb::error::Error> {
    let mut batches = find.max_time(SERVER_TIME_MAX).batch().await?;
    let mut found = Vec::new();
    while let Some(batch) = batches.try_next().await? {
        for document in batch.doc_slices()? {
            let document = document?
                .as_document()
                .ok_or_else(|| mongodb::error::Error::custom("a batch holds no documents"))?;
            match read(document) {
                Ok(value) => found.push(value),
                Err(error) => return Ok(Err(error)),
            }
        }
    }
    Ok(Ok(found))
}
