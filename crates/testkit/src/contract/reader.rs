//! The contract of [`PurchaseReader`].

use purchase::{Cursor, Owner, Purchase, PurchaseReader, PurchaseWriter, UserId};

use crate::sample::{self, entries};

/// Runs the suite; `writer` writes what `reader` reads.
pub async fn run(reader: &dyn PurchaseReader, writer: &dyn PurchaseWriter) {
    an_unknown_user_has_an_empty_list(reader).await;
    a_user_id_is_taken_literally(reader, writer).await;
    equal_timestamps_are_paged_without_gap_or_repetition(reader, writer).await;
    a_cursor_stays_valid_while_newer_purchases_arrive(reader, writer).await;
    everyone_is_listed_newest_first(reader, writer).await;
    owners_are_found_for_stored_ids_only(reader, writer).await;
}

fn user(userid: &str) -> Owner {
    Owner::User(UserId::recorded(userid).unwrap())
}

async fn store(writer: &dyn PurchaseWriter, purchases: &[Purchase]) {
    for answer in writer.record_all(entries(purchases)).await {
        answer.unwrap();
    }
}

async fn pages(reader: &dyn PurchaseReader, owner: &Owner, size: usize) -> Vec<Purchase> {
    let mut all: Vec<Purchase> = Vec::new();
    loop {
        let after: Option<Cursor> = all.last().map(Purchase::cursor);
        let page = reader.list(owner, after, size).await.unwrap();
        assert!(page.len() <= size);
        if page.is_empty() {
            return all;
        }
        all.extend(page);
    }
}

async fn an_unknown_user_has_an_empty_list(reader: &dyn PurchaseReader) {
    assert!(
        reader
            .list(&user(&sample::fresh_user()), None, 10)
            .await
            .unwrap()
            .is_empty()
    );
}

async fn a_user_id_is_taken_literally(reader: &dyn PurchaseReader, writer: &dyn PurchaseWriter) {
    for userid in sample::HOSTILE_USER_IDS.into_iter().chain(["Ada", "ada"]) {
        let purchase = sample::purchase(userid);
        store(writer, std::slice::from_ref(&purchase)).await;
        let listed = reader.list(&user(userid), None, 1_000).await.unwrap();
        assert!(listed.contains(&purchase), "{userid}");
        assert!(
            listed.iter().all(|listed| listed.userid == purchase.userid),
            "{userid}"
        );
    }
}

async fn equal_timestamps_are_paged_without_gap_or_repetition(
    reader: &dyn PurchaseReader,
    writer: &dyn PurchaseWriter,
) {
    let userid = sample::fresh_user();
    let mut purchases: Vec<_> = (0..50).map(|_| sample::purchase(&userid)).collect();
    purchases.push(sample::at(&userid, sample::NOON_MS - 1));
    purchases.push(sample::at(&userid, sample::NOON_MS + 1));
    store(writer, &purchases).await;
    purchases.sort_by_key(|purchase| std::cmp::Reverse(purchase.cursor()));
    for size in [7, 1, 52, 1_000] {
        assert_eq!(pages(reader, &user(&userid), size).await, purchases);
    }
}

async fn a_cursor_stays_valid_while_newer_purchases_arrive(
    reader: &dyn PurchaseReader,
    writer: &dyn PurchaseWriter,
) {
    let userid = sample::fresh_user();
    let owner = user(&userid);
    let [oldest, middle, newest] = [0, 1, 2].map(|n| sample::at(&userid, sample::NOON_MS + n));
    store(writer, &[oldest.clone(), middle]).await;
    let first = reader.list(&owner, None, 1).await.unwrap();
    store(writer, &[newest]).await;
    let rest = reader
        .list(&owner, Some(first[0].cursor()), 10)
        .await
        .unwrap();
    assert_eq!(rest, [oldest]);
}

async fn everyone_is_listed_newest_first(reader: &dyn PurchaseReader, writer: &dyn PurchaseWriter) {
    let purchases: Vec<_> = (0..5)
        .map(|n| sample::at(&sample::fresh_user(), sample::NOON_MS + 86_400_000 + n))
        .collect();
    store(writer, &purchases).await;
    let listed = pages(reader, &Owner::Everyone, 3).await;
    assert!(purchases.iter().all(|purchase| listed.contains(purchase)));
    assert!(
        listed
            .windows(2)
            .all(|pair| pair[0].cursor() > pair[1].cursor())
    );
}

async fn owners_are_found_for_stored_ids_only(
    reader: &dyn PurchaseReader,
    writer: &dyn PurchaseWriter,
) {
    let userid = sample::fresh_user();
    let stored: Vec<_> = (0..3).map(|_| sample::purchase(&userid)).collect();
    store(writer, &stored).await;
    let mut ids: Vec<_> = (0..5_000).map(|_| sample::purchase(&userid).id).collect();
    ids.extend(stored.iter().map(|purchase| purchase.id));
    let owners = reader.find_owners(ids).await.unwrap();
    assert_eq!(owners.len(), stored.len());
    assert!(
        stored
            .iter()
            .all(|purchase| owners.get(&purchase.id) == Some(&purchase.userid))
    );
    assert!(reader.find_owners(Vec::new()).await.unwrap().is_empty());
}
