//! A list in sums, by SQL: SQLite groups, and adds with a function of ours, because its own would add doubles.

use purchase::{Day, DaySum, Item, ItemSum, Price, Sum, Summary};
use rusqlite::functions::{Aggregate, Context, FunctionFlags};
use rusqlite::{Connection, Error, Row, params};

use crate::schema::unreadable;

const ALL: &str = "SELECT count(*), decimal_sum(price) FROM purchases WHERE userid = ?1";
/// The order is that of doubles: of items whose totals these cannot tell apart, any may be the one that is left out.
const BY_ITEM: &str = "SELECT count(*), decimal_sum(price), item FROM purchases WHERE userid = ?1 \
    GROUP BY item ORDER BY sum(CAST(price AS REAL)) DESC, item LIMIT ?2";
/// Division cuts towards zero, and a day before 1970 begins before it ends.
const BY_DAY: &str = "SELECT count(*), decimal_sum(price), \
    (timestamp - ((timestamp % ?3) + ?3) % ?3) / ?3 AS day FROM purchases WHERE userid = ?1 \
    GROUP BY day ORDER BY day DESC LIMIT ?2";

/// Makes `decimal_sum` known to a connection.
pub(crate) fn set_up(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_aggregate_function("decimal_sum", 1, flags, DecimalSum)
}

/// The sums of one user, all of the same moment.
pub(crate) fn of(connection: &Connection, userid: &str) -> rusqlite::Result<Summary> {
    let most = i64::try_from(Summary::PARTS_MAX).unwrap_or(i64::MAX);
    let moment = connection.unchecked_transaction()?;
    let all = moment.prepare_cached(ALL)?.query_row([userid], sum)?;
    let by_item = moment
        .prepare_cached(BY_ITEM)?
        .query_map(params![userid, most], |row| {
            let item: Option<String> = row.get(2)?;
            let item = item.map(Item::recorded).transpose();
            Ok(ItemSum {
                item: item.map_err(|_| unreadable(2, "item"))?,
                sum: sum(row)?,
            })
        })?
        .collect::<Result<_, _>>()?;
    let by_day = moment
        .prepare_cached(BY_DAY)?
        .query_map(params![userid, most, Day::MILLIS], |row| {
            let day = Day::from_number(row.get(2)?);
            Ok(DaySum {
                day: day.ok_or_else(|| unreadable(2, "timestamp"))?,
                sum: sum(row)?,
            })
        })?
        .collect::<Result<_, _>>()?;
    Ok(Summary::new(all, by_item, by_day))
}

fn sum(row: &Row<'_>) -> rusqlite::Result<Sum> {
    let (count, total): (i64, String) = (row.get(0)?, row.get(1)?);
    Ok(Sum {
        count: count.unsigned_abs(),
        total: total.parse().map_err(|_| unreadable(1, "price"))?,
    })
}

/// Adds texts of prices exactly.
struct DecimalSum;

impl Aggregate<Price, String> for DecimalSum {
    fn init(&self, _: &mut Context<'_>) -> rusqlite::Result<Price> {
        Ok(Price::ZERO)
    }

    fn step(&self, context: &mut Context<'_>, total: &mut Price) -> rusqlite::Result<()> {
        let price: String = context.get(0)?;
        let price = price.parse().map_err(|_| unreadable(0, "price"))?;
        let sum = total.checked_add(price);
        let too_long = || Error::UserFunctionError("a sum has more than 34 digits".into());
        *total = sum.ok_or_else(too_long)?;
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, total: Option<Price>) -> rusqlite::Result<String> {
        Ok(total.unwrap_or(Price::ZERO).to_string())
    }
}
