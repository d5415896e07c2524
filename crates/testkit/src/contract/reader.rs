//! The contract of [`PurchaseReader`].

use purchase::{
    Cursor, Day, Item, Owner, Price, Purchase, PurchaseReader, PurchaseWriter, Sum, Summary, UserId,
};

use crate::sample::{self, entries};

/// Runs the suite; `writer` writes what `reader` reads.
pub async fn run(reader: &dyn PurchaseReader, writer: &dyn PurchaseWriter) {
    an_unknown_user_has_an_empty_list(reader).await;
    a_user_id_is_taken_literally(reader, writer).await;
    equal_timestamps_are_paged_without_gap_or_repetition(reader, writer).await;
    a_cursor_stays_valid_while_newer_purchases_arrive(reader, writer).await;
    everyone_is_listed_newest_first(reader, writer).await;
    owners_are_found_for_stored_ids_only(reader, writer).await;
    a_list_is_summed_exactly(reader, writer).await;
    more_parts_than_a_summary_has_room_for_are_left_out(reader, writer).await;
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

async fn a_list_is_summed_exactly(reader: &dyn PurchaseReader, writer: &dyn PurchaseWriter) {
    let userid = sample::fresh_user();
    let id = UserId::recorded(userid.clone()).unwrap();
    let nothing = reader.summarize(&id).await.unwrap();
    assert_eq!(nothing.all, Sum::NOTHING);
    assert!(nothing.by_item.is_empty() && nothing.by_day.is_empty());

    // Prices that doubles do not add exactly, texts that are no formulas, and days on both sides of 1970.
    let prices = ["0.1", "0.2", "999999999999999", "0.000001", "1e3", "12.50"];
    let items = [
        Some("tea"),
        None,
        Some("$price"),
        Some("tea "),
        Some("日本 🍵"),
    ];
    let times = [
        0,
        1,
        Day::MILLIS - 1,
        Day::MILLIS,
        -1,
        -Day::MILLIS,
        sample::NOON_MS,
    ];
    let purchases: Vec<_> = (0..60)
        .map(|n| {
            let mut purchase = sample::at(&userid, times[n % times.len()]);
            purchase.price = Price::parse(prices[n % prices.len()]).unwrap();
            purchase.item = items[n % items.len()].map(|item| Item::recorded(item).unwrap());
            purchase
        })
        .collect();
    store(writer, &purchases).await;
    store(writer, &[sample::purchase(&sample::fresh_user())]).await;
    let summary = reader.summarize(&id).await.unwrap();
    assert_eq!(summary, sample::summary(&purchases));
}

async fn more_parts_than_a_summary_has_room_for_are_left_out(
    reader: &dyn PurchaseReader,
    writer: &dyn PurchaseWriter,
) {
    let userid = sample::fresh_user();
    let purchases: Vec<_> = (0..1_100_i64)
        .map(|n| {
            let mut purchase = sample::at(&userid, n * Day::MILLIS);
            purchase.price = Price::parse(&format!("{}.5", n + 1)).unwrap();
            purchase.item = Some(Item::recorded(format!("item {n}")).unwrap());
            purchase
        })
        .collect();
    store(writer, &purchases).await;
    let id = UserId::recorded(userid).unwrap();
    let summary = reader.summarize(&id).await.unwrap();
    assert_eq!(summary.all.count, 1_100);
    assert_eq!(summary.by_item.len(), Summary::PARTS_MAX);
    assert_eq!(summary.by_day.len(), Summary::PARTS_MAX);
    assert_eq!(summary, sample::summary(&purchases));
}
