//! One page of a list as a query.
//!
//! Lists are sorted by timestamp, then `_id`, both descending, and `_id` is a string or an ObjectId. Comparisons in a filter stay
//! within one type; the bounds of an index do not, they follow its order. So a page after a cursor is a range of the index
//! that starts at the cursor: one seek, however long the list, and however many purchases share a timestamp.
//! The bounds name the index, which may not be made yet; until then an ordinary filter does the same, slowly.

use mongodb::Collection;
use mongodb::action::Find;
use mongodb::bson::{Bson, Document, RawDocumentBuf, doc};
use mongodb::options::Hint;
use purchase::{Cursor, Owner, PurchaseId};

use crate::reader::reply_size;
use crate::{document, indexes};

pub(crate) struct Page {
    owner: Owner,
    after: Option<Cursor>,
    limit: usize,
}

impl Page {
    pub(crate) fn new(owner: Owner, after: Option<Cursor>, limit: usize) -> Self {
        Self {
            owner,
            after,
            limit,
        }
    }

    /// Whether [`Page::find`] needs an index that may not be there.
    pub(crate) fn names_an_index(&self) -> bool {
        self.after.is_some()
    }

    /// The fast query. The first page is the head of the index, which the planner finds by itself.
    pub(crate) fn find<'a>(
        &self,
        purchases: &'a Collection<RawDocumentBuf>,
    ) -> Find<'a, RawDocumentBuf> {
        let Some(after) = self.after else {
            return self.bounded(
                purchases
                    .find(self.owner_filter())
                    .sort(indexes::of_everyone()),
            );
        };
        let id = document::id(after.id);
        let mut min = doc! { "timestamp": document::date(after.timestamp), "_id": id.clone() };
        // The lower bound of a range is part of it.
        let mut filter = doc! { "_id": { "$ne": id } };
        let find = match &self.owner {
            Owner::Everyone => {
                let index = indexes::of_everyone();
                purchases
                    .find(filter)
                    .sort(index.clone())
                    .hint(Hint::Keys(index))
            }
            Owner::User(userid) => {
                let index = indexes::of_user();
                let userid = userid.as_str();
                filter.insert("userid", userid);
                min = prefixed(userid, min);
                let last = doc! { "timestamp": Bson::MinKey, "_id": Bson::MinKey };
                purchases
                    .find(filter)
                    .sort(index.clone())
                    .hint(Hint::Keys(index))
                    .max(prefixed(userid, last))
            }
        };
        self.bounded(find.min(min))
    }

    /// The same page by an ordinary filter and, without an index, an ordinary sort.
    pub(crate) fn find_without_index<'a>(
        &self,
        purchases: &'a Collection<RawDocumentBuf>,
    ) -> Find<'a, RawDocumentBuf> {
        let mut filter = self.owner_filter();
        if let Some(after) = self.after {
            filter.insert("$or", after_cursor(after));
        }
        self.bounded(purchases.find(filter).sort(indexes::of_everyone()))
    }

    fn owner_filter(&self) -> Document {
        match &self.owner {
            // A string is compared as a string, whatever is in it.
            Owner::User(userid) => doc! { "userid": userid.as_str() },
            Owner::Everyone => doc! {},
        }
    }

    /// In one round trip, whatever the driver's batch size is.
    fn bounded<'a>(&self, find: Find<'a, RawDocumentBuf>) -> Find<'a, RawDocumentBuf> {
        let limit = i64::try_from(self.limit).unwrap_or(i64::MAX);
        find.limit(limit).batch_size(reply_size(self.limit))
    }
}

fn prefixed(userid: &str, rest: Document) -> Document {
    let mut keys = doc! { "userid": userid };
    keys.extend(rest);
    keys
}

/// What sorts after a cursor, a branch for each type of `_id`. Not being at or above the time includes documents without a
/// usable time: they must be met, and not left out.
fn after_cursor(after: Cursor) -> Vec<Document> {
    let time = document::date(after.timestamp);
    let id = document::id(after.id);
    let mut branches = vec![
        doc! { "timestamp": { "$not": { "$gte": time } } },
        doc! { "timestamp": time, "_id": { "$lt": id } },
    ];
    if let PurchaseId::ObjectId(_) = after.id {
        branches.push(doc! { "timestamp": time, "_id": { "$type": "string" } });
    }
    branches
}
