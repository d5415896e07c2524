//! The writing side: a batch becomes as few inserts as possible, and each of its purchases gets its own answer.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use mongodb::Collection;
use mongodb::bson::RawDocumentBuf;
use purchase::{Entry, Origin, PortError, Purchase, PurchaseId, PurchaseWriter, Recorded};

use crate::batch::{self, Answer, Written};
use crate::error::MongoError;
use crate::{MongoStore, document, earlier, reader};

/// Finding a server, a second try, and the majority's time fit in.
const DEADLINE: Duration = Duration::from_secs(10);
/// For one message. The server takes 100,000 documents and 48 MB; less of them fail together.
const INSERT_MAX: usize = 10_000;
const INSERT_BYTES_MAX: usize = 32 * 1024 * 1024;

#[async_trait]
impl PurchaseWriter for MongoStore {
    async fn record_all(&self, batch: Vec<Entry>) -> Vec<Result<Recorded, PortError>> {
        let length = batch.len();
        if length == 0 {
            return Vec::new();
        }
        let purchases = self.purchases.clone();
        let write = async move { Ok(record(&purchases, &batch).await) };
        match self.calls.run(DEADLINE, write).await {
            Ok(answers) => answers.into_iter().map(|answer| Ok(answer?)).collect(),
            Err(error) => (0..length).map(|_| Err(error.clone().into())).collect(),
        }
    }
}

async fn record(purchases: &Collection<RawDocumentBuf>, batch: &[Entry]) -> Vec<Answer> {
    let mut answers = vec![None; batch.len()];
    answer_earlier(purchases, batch, &mut answers).await;
    let groups = batch::group_by_id(batch, &answers);
    let firsts: Vec<_> = groups
        .iter()
        .map(|group| &batch[group[0]].purchase)
        .collect();
    let written = insert(purchases, &firsts).await;
    let taken = written.iter().zip(&firsts);
    let taken = taken.filter(|(written, _)| **written == Written::Taken);
    let stored = read_stored(purchases, taken.map(|(_, first)| first.id).collect()).await;
    for ((group, first), written) in groups.iter().zip(firsts).zip(written) {
        for (nth, &place) in group.iter().enumerate() {
            let purchase = &batch[place].purchase;
            answers[place] = Some(match (&stored, &written) {
                (Err(error), Written::Taken) => Err(error.clone()),
                (stored, _) => {
                    let stored = stored
                        .as_ref()
                        .ok()
                        .and_then(|stored| stored.get(&first.id));
                    batch::answer(nth, purchase, first, &written, stored)
                }
            });
        }
    }
    let unanswered = || Err(MongoError::Away("a purchase was passed over".to_owned()));
    answers
        .into_iter()
        .map(|answer| answer.unwrap_or_else(unanswered))
        .collect()
}

/// Answers the raw records that the earlier services stored, or all of them when that cannot be told.
async fn answer_earlier(
    purchases: &Collection<RawDocumentBuf>,
    batch: &[Entry],
    answers: &mut [Option<Answer>],
) {
    let is_raw = |place: &usize| batch[*place].origin == Origin::RawRecord;
    let places: Vec<_> = (0..batch.len()).filter(is_raw).collect();
    if places.is_empty() {
        return;
    }
    let records: Vec<_> = places.iter().map(|place| &batch[*place].purchase).collect();
    match earlier::find(purchases, &records).await {
        Ok(earlier) => {
            for (place, _) in places
                .into_iter()
                .zip(earlier)
                .filter(|(_, earlier)| *earlier)
            {
                let timestamp = batch[place].purchase.timestamp;
                answers[place] = Some(Ok(Recorded::Duplicate { timestamp }));
            }
        }
        Err(error) => {
            for place in places {
                answers[place] = Some(Err(error.clone()));
            }
        }
    }
}

/// Inserts them, each with its own outcome.
async fn insert(purchases: &Collection<RawDocumentBuf>, firsts: &[&Purchase]) -> Vec<Written> {
    let mut written = vec![Written::Durable; firsts.len()];
    let (mut message, mut bytes) = (Vec::new(), 0);
    for (place, purchase) in firsts.iter().enumerate() {
        let document = match document::write(purchase) {
            Ok(document) => document,
            Err(error) => {
                written[place] = Written::Failed(error);
                continue;
            }
        };
        bytes += document.as_bytes().len();
        if message.len() == INSERT_MAX || bytes > INSERT_BYTES_MAX {
            insert_message(purchases, std::mem::take(&mut message), &mut written).await;
            bytes = document.as_bytes().len();
        }
        message.push((place, document));
    }
    insert_message(purchases, message, &mut written).await;
    written
}

async fn insert_message(
    purchases: &Collection<RawDocumentBuf>,
    message: Vec<(usize, RawDocumentBuf)>,
    written: &mut [Written],
) {
    if message.is_empty() {
        return;
    }
    let documents = message.iter().map(|(_, document)| document);
    let answer = purchases.insert_many(documents).ordered(false).await;
    let outcomes = batch::outcomes(message.len(), answer);
    for ((place, _), outcome) in message.into_iter().zip(outcomes) {
        written[place] = outcome;
    }
}

/// What stands under these ids with a majority: the server's word that an id is taken says nothing of how durably.
pub(crate) async fn read_stored(
    purchases: &Collection<RawDocumentBuf>,
    ids: Vec<PurchaseId>,
) -> Result<HashMap<PurchaseId, Result<Purchase, MongoError>>, MongoError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let find = reader::find_ids(purchases, ids);
    let read = |found: &_| Ok((document::read_id(found)?, document::read(found)));
    Ok(reader::fetch(find, read).await??.into_iter().collect())
}
