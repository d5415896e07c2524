//! The log: buy appends events, delivery reads them in order and settles them. A settled event leaves the table, stored or as
//! a dead letter; until then it survives anything and is delivered again.

use async_trait::async_trait;
use purchase::event::{Reason, structured};
use purchase::{AppendError, EventLog, PortError, PurchaseEvent, Timestamp};
use rusqlite::{Connection, Row, params};

use crate::error::WriteError;
use crate::{Sqlite, schema};

/// The log side of the file.
#[derive(Debug, Clone)]
pub struct SqliteLog(pub(crate) Sqlite);

/// An event that waits for delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedEvent {
    /// Its place, ascending, never used twice.
    pub position: i64,
    /// The event in the JSON format of CloudEvents.
    pub json: String,
}

/// An event that cannot be stored, with its original text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    pub position: i64,
    pub json: String,
    pub reason: Reason,
    pub detail: String,
    pub attempts: u32,
    pub died_at: Timestamp,
}

/// How much there is of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivery {
    /// Events in the log that are not settled yet.
    pub waiting: u64,
    pub dead_letters: u64,
}

#[async_trait]
impl EventLog for SqliteLog {
    async fn append(&self, event: PurchaseEvent) -> Result<(), AppendError> {
        self.append_json(structured::write(&event.to_cloudevent()))
            .await
    }
}

impl SqliteLog {
    /// Appends an event in the JSON format of CloudEvents, whoever made it; everything else as with [`EventLog::append`].
    pub async fn append_json(&self, json: String) -> Result<(), AppendError> {
        let insert = move |connection: &Connection| {
            connection
                .prepare_cached("INSERT INTO log (event) VALUES (?1)")?
                .execute([json])
                .map(drop)
        };
        Ok(self.0.writer.write(Some(&self.0.appended), insert).await?)
    }

    /// The oldest `limit` events behind `position`; 0 is the beginning.
    pub async fn read(&self, position: i64, limit: usize) -> Result<Vec<LoggedEvent>, PortError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let select = move |connection: &Connection| {
            connection
                .prepare_cached(
                    "SELECT position, event FROM log WHERE position > ?1 ORDER BY position LIMIT ?2",
                )?
                .query_map([position, limit], |row| {
                    Ok(LoggedEvent { position: row.get(0)?, json: row.get(1)? })
                })?
                .collect()
        };
        self.0.readers.read(select).await
    }

    /// Resolves once something was appended since the last call. For one reader.
    pub async fn appended(&self) {
        self.0.appended.notified().await;
    }

    /// Removes events that were delivered.
    pub async fn settle(&self, positions: Vec<i64>) -> Result<(), WriteError> {
        let delete = move |connection: &Connection| {
            let mut delete = connection.prepare_cached("DELETE FROM log WHERE position = ?1")?;
            positions
                .iter()
                .try_for_each(|position| delete.execute([position]).map(drop))
        };
        self.0.writer.write(None, delete).await
    }

    /// Moves an event to the dead letters. Repeating it changes nothing.
    pub async fn bury(&self, letter: DeadLetter) -> Result<(), WriteError> {
        let bury = move |connection: &Connection| {
            connection
                .prepare_cached(
                    "INSERT OR IGNORE INTO dead_letters \
                     (position, event, reason, detail, attempts, died_at) \
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                )?
                .execute(params![
                    letter.position,
                    letter.json,
                    letter.reason.as_str(),
                    letter.detail,
                    letter.attempts,
                    letter.died_at.millis(),
                ])?;
            connection
                .prepare_cached("DELETE FROM log WHERE position = ?1")?
                .execute([letter.position])
                .map(drop)
        };
        self.0.writer.write(None, bury).await
    }

    /// The oldest `limit` dead letters behind `position`.
    pub async fn dead_letters(
        &self,
        position: i64,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, PortError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let select = move |connection: &Connection| {
            connection
                .prepare_cached(
                    "SELECT position, event, reason, detail, attempts, died_at FROM dead_letters \
                     WHERE position > ?1 ORDER BY position LIMIT ?2",
                )?
                .query_map([position, limit], dead_letter)?
                .collect()
        };
        self.0.readers.read(select).await
    }

    /// How many events wait and how many died.
    pub async fn delivery(&self) -> Result<Delivery, PortError> {
        let count = |connection: &Connection| {
            let count = |table| -> rusqlite::Result<u64> {
                let sql = format!("SELECT count(*) FROM {table}");
                let rows: i64 = connection
                    .prepare_cached(&sql)?
                    .query_row([], |row| row.get(0))?;
                Ok(rows.unsigned_abs())
            };
            Ok(Delivery {
                waiting: count("log")?,
                dead_letters: count("dead_letters")?,
            })
        };
        self.0.readers.read(count).await
    }
}

fn dead_letter(row: &Row<'_>) -> rusqlite::Result<DeadLetter> {
    let reason: String = row.get(2)?;
    let died_at: i64 = row.get(5)?;
    Ok(DeadLetter {
        position: row.get(0)?,
        json: row.get(1)?,
        reason: Reason::from_text(&reason).ok_or_else(|| schema::unreadable(2, "reason"))?,
        detail: row.get(3)?,
        attempts: row.get(4)?,
        died_at: Timestamp::from_millis(died_at).map_err(|_| schema::unreadable(5, "died_at"))?,
    })
}
