//! The contract of [`PurchaseLookup`].

use purchase::{
    Entry, Origin, Price, Purchase, PurchaseLookup, PurchaseWriter, Standing, Timestamp, UserId,
};

use crate::sample::{self, entries};

/// Runs the suite; `writer` writes what `lookup` finds.
pub async fn run(lookup: &dyn PurchaseLookup, writer: &dyn PurchaseWriter) {
    an_empty_batch_is_nothing(lookup).await;
    what_is_not_stored_is_absent_and_stays_so(lookup).await;
    the_time_of_a_purchase_is_no_part_of_the_comparison(lookup, writer).await;
    anything_else_under_the_id_is_other(lookup, writer).await;
    a_raw_record_is_found_under_its_id(lookup, writer).await;
    a_large_batch_is_answered_in_order(lookup, writer).await;
}

async fn store(writer: &dyn PurchaseWriter, purchases: &[Purchase]) {
    for answer in writer.record_all(entries(purchases)).await {
        answer.unwrap();
    }
}

async fn look_up(lookup: &dyn PurchaseLookup, purchase: &Purchase) -> Standing {
    let batch = entries(std::slice::from_ref(purchase));
    let [standing] = lookup.look_up(batch).await.unwrap()[..] else {
        panic!("one purchase has one answer");
    };
    standing
}

async fn an_empty_batch_is_nothing(lookup: &dyn PurchaseLookup) {
    assert_eq!(lookup.look_up(Vec::new()).await.unwrap(), []);
}

async fn what_is_not_stored_is_absent_and_stays_so(lookup: &dyn PurchaseLookup) {
    let purchase = sample::purchase(&sample::fresh_user());
    for _ in 0..2 {
        assert_eq!(look_up(lookup, &purchase).await, Standing::Absent);
    }
}

async fn the_time_of_a_purchase_is_no_part_of_the_comparison(
    lookup: &dyn PurchaseLookup,
    writer: &dyn PurchaseWriter,
) {
    let stored = sample::purchase(&sample::fresh_user());
    store(writer, std::slice::from_ref(&stored)).await;
    let later = Purchase {
        timestamp: Timestamp::from_millis(sample::NOON_MS + 2_000).unwrap(),
        ..stored.clone()
    };
    for purchase in [stored, later] {
        assert_eq!(look_up(lookup, &purchase).await, Standing::Same);
    }
}

async fn anything_else_under_the_id_is_other(
    lookup: &dyn PurchaseLookup,
    writer: &dyn PurchaseWriter,
) {
    let stored = sample::purchase(&sample::fresh_user());
    store(writer, std::slice::from_ref(&stored)).await;
    for other in [
        Purchase {
            userid: UserId::parse("somebody").unwrap(),
            ..stored.clone()
        },
        Purchase {
            item: None,
            ..stored.clone()
        },
        Purchase {
            price: Price::parse("12.500001").unwrap(),
            ..stored.clone()
        },
    ] {
        assert_eq!(look_up(lookup, &other).await, Standing::Other);
    }
}

async fn a_raw_record_is_found_under_its_id(
    lookup: &dyn PurchaseLookup,
    writer: &dyn PurchaseWriter,
) {
    let raw = |purchase| Entry {
        purchase,
        origin: Origin::RawRecord,
    };
    let stored = sample::purchase(&sample::fresh_user());
    for answer in writer.record_all(vec![raw(stored.clone())]).await {
        answer.unwrap();
    }
    let other = Purchase {
        item: None,
        ..stored.clone()
    };
    // The same content under another id is another purchase, unless an earlier service stored it.
    let absent = Purchase {
        id: sample::purchase("x").id,
        ..stored.clone()
    };
    let batch = [stored, other, absent].map(raw).to_vec();
    assert_eq!(
        lookup.look_up(batch).await.unwrap(),
        [Standing::Same, Standing::Other, Standing::Absent]
    );
}

async fn a_large_batch_is_answered_in_order(
    lookup: &dyn PurchaseLookup,
    writer: &dyn PurchaseWriter,
) {
    let userid = sample::fresh_user();
    let mut batch = Vec::new();
    let mut expected = Vec::new();
    for n in 0..2_000 {
        let purchase = sample::purchase(&userid);
        let other = Purchase {
            item: None,
            ..purchase.clone()
        };
        expected.push(match n % 3 {
            0 => Standing::Same,
            1 => Standing::Other,
            _ => Standing::Absent,
        });
        batch.push((purchase, other));
    }
    let stored = batch.iter().zip(&expected);
    let stored: Vec<_> = stored
        .filter_map(|((purchase, other), standing)| match standing {
            Standing::Same => Some(purchase.clone()),
            Standing::Other => Some(other.clone()),
            Standing::Absent => None,
        })
        .collect();
    store(writer, &stored).await;
    let mut asked: Vec<Entry> = batch
        .into_iter()
        .map(|(purchase, _)| purchase.into())
        .collect();
    // Whoever asks twice is told twice.
    asked.push(asked[0].clone());
    expected.push(expected[0]);
    assert_eq!(lookup.look_up(asked).await.unwrap(), expected);
}
