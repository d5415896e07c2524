//! The contract of [`PurchaseWriter`].

use purchase::{
    Item, Owner, Price, Purchase, PurchaseReader, PurchaseWriter, Recorded, Timestamp, UserId,
    Username,
};

use crate::random::Random;
use crate::sample::{self, entries};

/// Runs the suite; `reader` reads what `writer` writes.
pub async fn run(writer: &dyn PurchaseWriter, reader: &dyn PurchaseReader) {
    an_empty_batch_is_nothing(writer).await;
    what_is_stored_is_listed_exactly(writer, reader).await;
    a_duplicate_is_told_the_first_time_and_changes_nothing(writer, reader).await;
    other_content_under_the_same_id_is_a_conflict(writer, reader).await;
    one_batch_of_new_duplicate_and_conflict_is_answered_in_order(writer, reader).await;
    overlapping_batches_at_once_store_each_purchase_once(writer, reader).await;
}

async fn record(writer: &dyn PurchaseWriter, batch: Vec<Purchase>) -> Vec<Recorded> {
    writer
        .record_all(entries(&batch))
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect()
}

async fn list(reader: &dyn PurchaseReader, userid: &str) -> Vec<Purchase> {
    let owner = Owner::User(UserId::recorded(userid).unwrap());
    reader.list(&owner, None, 10_000).await.unwrap()
}

async fn an_empty_batch_is_nothing(writer: &dyn PurchaseWriter) {
    assert!(record(writer, Vec::new()).await.is_empty());
}

async fn what_is_stored_is_listed_exactly(
    writer: &dyn PurchaseWriter,
    reader: &dyn PurchaseReader,
) {
    let userid = sample::fresh_user();
    let price = |text| Price::recorded(text).unwrap();
    let prices = ["0.000001", "999999999999999", "-5", "0", "1e300", "5e-324"];
    let precise = "1234567890123456789012345678901234";
    for text in prices.into_iter().chain([precise]) {
        let purchase = Purchase {
            price: price(text),
            ..sample::purchase(&userid)
        };
        assert_eq!(
            record(writer, vec![purchase.clone()]).await,
            [Recorded::Stored]
        );
        assert!(list(reader, &userid).await.contains(&purchase), "{text}");
    }
    for text in [
        "<script>alert(1)</script>",
        "עברית \u{202e} RTL",
        "🧉",
        &"x".repeat(20_000),
    ] {
        let purchase = Purchase {
            username: Username::recorded(text).unwrap(),
            item: Some(Item::recorded(text).unwrap()),
            ..sample::purchase(&userid)
        };
        let plain = Purchase {
            item: None,
            ..sample::purchase(&userid)
        };
        record(writer, vec![purchase.clone(), plain.clone()]).await;
        let listed = list(reader, &userid).await;
        assert!(
            listed.contains(&purchase) && listed.contains(&plain),
            "{text}"
        );
    }
    for millis in [-62_167_219_200_000, -1, 0, 253_402_300_799_999] {
        let purchase = sample::at(&userid, millis);
        record(writer, vec![purchase.clone()]).await;
        assert!(list(reader, &userid).await.contains(&purchase), "{millis}");
    }
}

async fn a_duplicate_is_told_the_first_time_and_changes_nothing(
    writer: &dyn PurchaseWriter,
    reader: &dyn PurchaseReader,
) {
    let userid = sample::fresh_user();
    let first = sample::purchase(&userid);
    let later = Timestamp::from_millis(sample::NOON_MS + 2_000).unwrap();
    let repeated = Purchase {
        timestamp: later,
        ..first.clone()
    };
    assert_eq!(
        record(writer, vec![first.clone()]).await,
        [Recorded::Stored]
    );
    let duplicate = Recorded::Duplicate {
        timestamp: first.timestamp,
    };
    assert_eq!(record(writer, vec![repeated.clone()]).await, [duplicate]);
    assert_eq!(record(writer, vec![first.clone()]).await, [duplicate]);
    assert_eq!(list(reader, &userid).await, [first]);
}

async fn other_content_under_the_same_id_is_a_conflict(
    writer: &dyn PurchaseWriter,
    reader: &dyn PurchaseReader,
) {
    let userid = sample::fresh_user();
    let first = sample::purchase(&userid);
    record(writer, vec![first.clone()]).await;
    for other in [
        Purchase {
            userid: UserId::parse("somebody").unwrap(),
            ..first.clone()
        },
        Purchase {
            username: Username::parse("Somebody").unwrap(),
            ..first.clone()
        },
        Purchase {
            item: None,
            ..first.clone()
        },
        Purchase {
            price: Price::parse("12.500001").unwrap(),
            ..first.clone()
        },
    ] {
        assert_eq!(record(writer, vec![other]).await, [Recorded::Conflict]);
    }
    assert_eq!(list(reader, &userid).await, [first]);
}

async fn one_batch_of_new_duplicate_and_conflict_is_answered_in_order(
    writer: &dyn PurchaseWriter,
    reader: &dyn PurchaseReader,
) {
    let userid = sample::fresh_user();
    let [old, new, newer] = [1, 2, 3].map(|n| sample::at(&userid, sample::NOON_MS + n));
    record(writer, vec![old.clone()]).await;
    let conflict = Purchase {
        item: None,
        ..old.clone()
    };
    let own_conflict = Purchase {
        item: None,
        ..new.clone()
    };
    let batch = vec![
        new.clone(),
        old.clone(),
        conflict,
        new.clone(),
        own_conflict,
        newer.clone(),
    ];
    let duplicate = |purchase: &Purchase| Recorded::Duplicate {
        timestamp: purchase.timestamp,
    };
    assert_eq!(
        record(writer, batch).await,
        [
            Recorded::Stored,
            duplicate(&old),
            Recorded::Conflict,
            duplicate(&new),
            Recorded::Conflict,
            Recorded::Stored,
        ]
    );
    assert_eq!(list(reader, &userid).await, [newer, new, old]);
}

async fn overlapping_batches_at_once_store_each_purchase_once(
    writer: &dyn PurchaseWriter,
    reader: &dyn PurchaseReader,
) {
    let userid = sample::fresh_user();
    let purchases: Vec<_> = (0..40)
        .map(|n| sample::at(&userid, sample::NOON_MS + n))
        .collect();
    let mut random = Random::from_env();
    let batches = (0..32).map(|_| {
        let mut batch = purchases.clone();
        random.shuffle(&mut batch);
        batch.truncate(25);
        writer.record_all(entries(&batch))
    });
    let answers = futures_util::future::join_all(batches).await;
    let stored = answers
        .into_iter()
        .flatten()
        .filter(|answer| *answer.as_ref().unwrap() == Recorded::Stored)
        .count();
    let listed = list(reader, &userid).await;
    assert_eq!(stored, listed.len());
    assert!(
        listed
            .windows(2)
            .all(|pair| pair[0].cursor() > pair[1].cursor())
    );
}
