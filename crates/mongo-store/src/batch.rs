//! What becomes of the purchases of a batch, decided without a server.
//!
//! A batch may hold an id several times: the first one is inserted, and the others are compared with what stands under that
//! id afterwards.

use std::collections::HashMap;

use mongodb::error::{Error as DriverError, ErrorKind};
use mongodb::results::InsertManyResult;
use purchase::{Entry, Purchase, PurchaseId, Recorded};

use crate::error::MongoError;

/// The code of a duplicate key: the `_id` is taken.
const DUPLICATE_KEY: i32 = 11_000;

pub(crate) type Answer = Result<Recorded, MongoError>;

/// What the server did with one inserted document.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Written {
    /// A majority has it in its journal.
    Durable,
    /// Its id stands for some document already.
    Taken,
    Failed(MongoError),
}

/// Reads the answer to an unordered insert of `count` documents. Errors of single documents and the write concern's can come
/// together; then the latter is the fate of all others, because nothing of what was written is durable yet.
pub(crate) fn outcomes(
    count: usize,
    answer: Result<InsertManyResult, DriverError>,
) -> Vec<Written> {
    let error = match answer {
        Ok(_) => return vec![Written::Durable; count],
        Err(error) => error,
    };
    let ErrorKind::InsertMany(insert) = &*error.kind else {
        return vec![Written::Failed(error.into()); count];
    };
    let rest = match &insert.write_concern_error {
        Some(concern) => Written::Failed(MongoError::from_write_concern(concern)),
        None => Written::Durable,
    };
    let mut outcomes = vec![rest; count];
    for error in insert.write_errors.iter().flatten() {
        if let Some(outcome) = outcomes.get_mut(error.index) {
            *outcome = match error.code {
                DUPLICATE_KEY => Written::Taken,
                _ => Written::Failed(MongoError::from_write_error(error)),
            };
        }
    }
    outcomes
}

/// The places of equal ids, in the order of the batch, of those that have no answer yet.
pub(crate) fn group_by_id(entries: &[Entry], answers: &[Option<Answer>]) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut group_of: HashMap<PurchaseId, usize> = HashMap::with_capacity(entries.len());
    for (place, entry) in entries.iter().enumerate() {
        if answers[place].is_some() {
            continue;
        }
        let group = *group_of.entry(entry.purchase.id).or_insert(groups.len());
        match groups.get_mut(group) {
            Some(group) => group.push(place),
            None => groups.push(vec![place]),
        }
    }
    groups
}

/// The answer to the `nth` purchase of those with one id.
pub(crate) fn answer(
    nth: usize,
    purchase: &Purchase,
    first: &Purchase,
    written: &Written,
    stored: Option<&Result<Purchase, MongoError>>,
) -> Answer {
    let stands = match (written, stored) {
        (Written::Durable, _) if nth == 0 => return Ok(Recorded::Stored),
        (Written::Durable, _) => first,
        (Written::Taken, Some(Ok(stored))) => stored,
        // Somebody changed it by hand. Whatever it says, it is not this purchase, and it stands.
        (Written::Taken, Some(Err(_))) => return Ok(Recorded::Conflict),
        (Written::Taken, None) => return Err(MongoError::NotDurable(purchase.id.to_string())),
        (Written::Failed(error), _) if nth == 0 => return Err(error.clone()),
        (Written::Failed(_), _) => return Err(MongoError::FirstFailed(purchase.id.to_string())),
    };
    Ok(if stands.same_content(purchase) {
        Recorded::Duplicate {
            timestamp: stands.timestamp,
        }
    } else {
        Recorded::Conflict
    })
}

#[cfg(test)]
mod tests {
    use mongodb::bson::{Document, deserialize_from_document, doc};
    use mongodb::error::InsertManyError;
    use purchase::PortError;
    use testkit::sample;

    use super::*;

    fn insert_error(error: Document) -> DriverError {
        let error: InsertManyError = deserialize_from_document(error).unwrap();
        ErrorKind::InsertMany(error).into()
    }

    fn is_transient(outcome: &Written) -> Option<bool> {
        match outcome {
            Written::Failed(error) => Some(matches!(
                PortError::from(error.clone()),
                PortError::Transient(_)
            )),
            Written::Durable | Written::Taken => None,
        }
    }

    fn duplicate_and_invalid() -> Vec<Document> {
        vec![
            doc! { "index": 1, "code": 11_000, "errmsg": "E11000" },
            doc! { "index": 3, "code": 121, "errmsg": "Document failed validation" },
        ]
    }

    #[test]
    fn an_error_of_one_document_is_its_own() {
        let error = insert_error(doc! { "writeErrors": duplicate_and_invalid() });
        let outcomes = outcomes(4, Err(error));
        assert_eq!(
            outcomes[..3],
            [Written::Durable, Written::Taken, Written::Durable]
        );
        assert_eq!(is_transient(&outcomes[3]), Some(false), "{:?}", outcomes[3]);
    }

    #[test]
    fn what_no_majority_confirmed_is_not_durable() {
        let concern = doc! { "code": 64, "codeName": "WriteConcernFailed", "errmsg": "timed out" };
        let both =
            doc! { "writeErrors": duplicate_and_invalid(), "writeConcernError": concern.clone() };
        let outcomes_of_both = outcomes(4, Err(insert_error(both)));
        let fates: Vec<_> = outcomes_of_both.iter().map(is_transient).collect();
        assert_eq!(fates, [Some(true), None, Some(true), Some(false)]);
        assert_eq!(outcomes_of_both[1], Written::Taken);
        let alone = outcomes(2, Err(insert_error(doc! { "writeConcernError": concern })));
        assert!(
            alone
                .iter()
                .all(|outcome| is_transient(outcome) == Some(true))
        );
    }

    #[test]
    fn an_error_of_the_whole_insert_is_the_fate_of_all() {
        let refused = ErrorKind::Custom(std::sync::Arc::new("x")).into();
        let outcomes = outcomes(3, Err(refused));
        assert_eq!(outcomes.len(), 3);
        assert!(
            outcomes
                .iter()
                .all(|outcome| is_transient(outcome) == Some(true))
        );
    }

    #[test]
    fn equal_ids_are_grouped_in_order_and_answered_ones_left_out() {
        let [a, b] = [0, 1].map(|_| Entry::from(sample::purchase("ada")));
        let entries = [a.clone(), b.clone(), a.clone(), b, a];
        let mut answers = vec![None; 5];
        assert_eq!(group_by_id(&entries, &answers), [vec![0, 2, 4], vec![1, 3]]);
        answers[0] = Some(Ok(Recorded::Stored));
        assert_eq!(group_by_id(&entries, &answers), [vec![1, 3], vec![2, 4]]);
    }

    #[test]
    fn the_others_of_an_id_are_compared_with_what_stands_under_it() {
        let first = sample::purchase("ada");
        let other = Purchase {
            item: None,
            ..first.clone()
        };
        let earlier = sample::at("ada", 1).timestamp;
        let stored = |purchase: &Purchase| {
            Ok(Purchase {
                timestamp: earlier,
                ..purchase.clone()
            })
        };
        let duplicate = |timestamp| Ok(Recorded::Duplicate { timestamp });
        let failed = Written::Failed(MongoError::Panicked);

        let durable = &Written::Durable;
        assert_eq!(
            answer(0, &first, &first, durable, None),
            Ok(Recorded::Stored)
        );
        assert_eq!(
            answer(1, &first, &first, durable, None),
            duplicate(first.timestamp)
        );
        assert_eq!(
            answer(1, &other, &first, durable, None),
            Ok(Recorded::Conflict)
        );

        let taken = |nth, purchase, stands| answer(nth, purchase, &first, &Written::Taken, stands);
        let (same, conflicting) = (stored(&first), stored(&other));
        assert_eq!(taken(0, &first, Some(&same)), duplicate(earlier));
        assert_eq!(taken(0, &first, Some(&conflicting)), Ok(Recorded::Conflict));
        assert_eq!(taken(1, &other, Some(&conflicting)), duplicate(earlier));
        assert!(matches!(
            taken(0, &first, None),
            Err(MongoError::NotDurable(_))
        ));
        let unreadable = Err(MongoError::TooLarge(1));
        assert_eq!(taken(0, &first, Some(&unreadable)), Ok(Recorded::Conflict));

        assert_eq!(
            answer(0, &first, &first, &failed, None),
            Err(MongoError::Panicked)
        );
        assert!(matches!(
            answer(1, &first, &first, &failed, None),
            Err(MongoError::FirstFailed(_))
        ));
    }
}
