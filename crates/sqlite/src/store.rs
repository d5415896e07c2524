//! The store: storer records purchases, query lists them.

use std::collections::HashMap;

use async_trait::async_trait;
use purchase::{
    Cursor, Entry, Item, Owner, PortError, Price, Purchase, PurchaseId, PurchaseLookup,
    PurchaseReader, PurchaseWriter, Recorded, Standing, Summary, Timestamp, UserId, Username,
};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::{Sqlite, schema, summary};

/// The store side of the file.
#[derive(Debug, Clone)]
pub struct SqliteStore(pub(crate) Sqlite);

const COLUMNS: &str = "id, userid, username, item, price, timestamp";

#[async_trait]
impl PurchaseWriter for SqliteStore {
    async fn record_all(&self, batch: Vec<Entry>) -> Vec<Result<Recorded, PortError>> {
        let length = batch.len();
        let record = move |connection: &Connection| {
            batch
                .iter()
                .map(|entry| record(connection, &entry.purchase))
                .collect()
        };
        let recorded: Result<Vec<_>, _> = self.0.writer.write(Some(&self.0.stored), record).await;
        match recorded {
            Ok(recorded) => recorded.into_iter().map(Ok).collect(),
            Err(error) => (0..length).map(|_| Err(error.clone().into())).collect(),
        }
    }
}

fn record(connection: &Connection, purchase: &Purchase) -> rusqlite::Result<Recorded> {
    let id = purchase.id.to_string();
    let inserted = connection
        .prepare_cached(
            "INSERT INTO purchases (id, userid, username, item, price, timestamp) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (id) DO NOTHING",
        )?
        .execute(params![
            id,
            purchase.userid.as_str(),
            purchase.username.as_str(),
            purchase.item.as_ref().map(Item::as_str),
            purchase.price.to_string(),
            purchase.timestamp.millis(),
        ])?;
    if inserted == 1 {
        return Ok(Recorded::Stored);
    }
    let stored = connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM purchases WHERE id = ?1"))?
        .query_row([id], read_purchase)?;
    Ok(if stored.same_content(purchase) {
        Recorded::Duplicate {
            timestamp: stored.timestamp,
        }
    } else {
        Recorded::Conflict
    })
}

#[async_trait]
impl PurchaseLookup for SqliteStore {
    async fn look_up(&self, batch: Vec<Entry>) -> Result<Vec<Standing>, PortError> {
        let select = move |connection: &Connection| {
            let mut stored = connection
                .prepare_cached(&format!("SELECT {COLUMNS} FROM purchases WHERE id = ?1"))?;
            let mut standing = |Entry { purchase, .. }: &Entry| {
                let id = purchase.id.to_string();
                let stored = stored.query_row([id], read_purchase).optional()?;
                Ok(match stored {
                    None => Standing::Absent,
                    Some(stored) if stored.same_content(purchase) => Standing::Same,
                    Some(_) => Standing::Other,
                })
            };
            batch.iter().map(&mut standing).collect()
        };
        self.0.readers.read(select).await
    }
}

#[async_trait]
impl PurchaseReader for SqliteStore {
    async fn list(
        &self,
        owner: &Owner,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Vec<Purchase>, PortError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        // Before the first: later than any time, and behind any id.
        let (millis, id) = after.map_or((i64::MAX, "~".to_owned()), |cursor| {
            (cursor.timestamp.millis(), cursor.id.to_string())
        });
        let owner = owner.clone();
        let select = move |connection: &Connection| match owner {
            Owner::User(userid) => connection
                .prepare_cached(&format!(
                    "SELECT {COLUMNS} FROM purchases \
                     WHERE userid = ?1 AND (timestamp, id) < (?2, ?3) \
                     ORDER BY timestamp DESC, id DESC LIMIT ?4"
                ))?
                .query_map(params![userid.as_str(), millis, id, limit], read_purchase)?
                .collect(),
            Owner::Everyone => connection
                .prepare_cached(&format!(
                    "SELECT {COLUMNS} FROM purchases WHERE (timestamp, id) < (?1, ?2) \
                     ORDER BY timestamp DESC, id DESC LIMIT ?3"
                ))?
                .query_map(params![millis, id, limit], read_purchase)?
                .collect(),
        };
        self.0.readers.read(select).await
    }

    async fn find_owners(
        &self,
        ids: Vec<PurchaseId>,
    ) -> Result<HashMap<PurchaseId, UserId>, PortError> {
        // One parameter however many ids: SQLite bounds the number of parameters.
        let ids = serde_json::to_string(&ids).map_err(PortError::permanent)?;
        let select = move |connection: &Connection| {
            connection
                .prepare_cached(
                    "SELECT id, userid FROM purchases \
                     WHERE id IN (SELECT value FROM json_each(?1))",
                )?
                .query_map([ids], |row| Ok((read_id(row)?, read_userid(row)?)))?
                .collect()
        };
        self.0.readers.read(select).await
    }

    async fn summarize(&self, userid: &UserId) -> Result<Summary, PortError> {
        let userid = userid.clone();
        self.0
            .readers
            .read_long(move |connection| summary::of(connection, userid.as_str()))
            .await
    }

    async fn changed(&self) {
        self.0.stored.notified().await;
    }
}

fn read_purchase(row: &Row<'_>) -> rusqlite::Result<Purchase> {
    let username: String = row.get(2)?;
    let item: Option<String> = row.get(3)?;
    let price: String = row.get(4)?;
    Ok(Purchase {
        id: read_id(row)?,
        userid: read_userid(row)?,
        username: Username::recorded(username).map_err(|_| schema::unreadable(2, "username"))?,
        item: item
            .map(Item::recorded)
            .transpose()
            .map_err(|_| schema::unreadable(3, "item"))?,
        price: Price::recorded(&price).map_err(|_| schema::unreadable(4, "price"))?,
        timestamp: Timestamp::from_millis(row.get(5)?)
            .map_err(|_| schema::unreadable(5, "timestamp"))?,
    })
}

fn read_id(row: &Row<'_>) -> rusqlite::Result<PurchaseId> {
    let id: String = row.get(0)?;
    id.parse().map_err(|_| schema::unreadable(0, "id"))
}

fn read_userid(row: &Row<'_>) -> rusqlite::Result<UserId> {
    let userid: String = row.get(1)?;
    UserId::recorded(userid).map_err(|_| schema::unreadable(1, "userid"))
}
