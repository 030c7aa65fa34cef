//! Sequences: numbers handed out from blocks that are reserved in a table.
//!
//! A block of `cache` numbers is taken in a transaction on the sequence's row, then given out from memory.
//! One lock a sequence: callers of one wait for each other, callers of two do not. What is left of a block
//! is dropped when the tablet stops being primary; its numbers are never given out again.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use mysqlwire::client::{Conn, QueryOptions};
use proto::query::{Field, QueryResult, Type};
use sqltypes::values;
use vterrors::{Condition, Error, Result};

use super::{bind::backticked, pool::Pool};

/// The blocks in memory.
#[derive(Debug, Default)]
pub struct Sequences {
    blocks: Mutex<HashMap<String, Arc<tokio::sync::Mutex<Block>>>>,
}

/// What is left of a reserved block: `next..end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Block {
    pub next: i64,
    pub end: i64,
}

/// The row of a sequence table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SequenceRow {
    pub next_id: i64,
    pub cache: i64,
}

impl Block {
    /// Takes `count` numbers from what is there.
    pub fn take(&mut self, count: i64) -> Option<i64> {
        let first = self.next;
        let after = first.checked_add(count)?;
        (self.end > 0 && after <= self.end).then(|| {
            self.next = after;
            first
        })
    }

    /// The block after reserving enough for `count` more numbers, given what the table says. Its `end` is
    /// the table's new `next_id`. Blocks are whole multiples of `cache`.
    pub fn refill(self, table: &str, row: SequenceRow, count: i64) -> Result<Self> {
        let bad = |what: String| {
            Err(Error::new(Condition::FailedPrecondition, format!("sequence {table}: {what}")))
        };
        if row.cache < 1 {
            return bad(format!("invalid cache value {}", row.cache));
        }
        if row.next_id < 1 {
            return bad(format!("invalid next_id {}", row.next_id));
        }
        // A table that was set back never makes us give out a number twice; one that was moved ahead (by a
        // person, or another primary in between) starts a new block there.
        let next = match row.next_id == self.end {
            true => self.next,
            false => row.next_id.max(self.end),
        };
        let from = row.next_id.max(self.end);
        let wanted = next.checked_add(count);
        let blocks = wanted.map(|w| divide_up((w - from).max(1), row.cache));
        match blocks.and_then(|b| b.checked_mul(row.cache)).and_then(|n| from.checked_add(n)) {
            Some(end) => Ok(Self { next, end }),
            None => bad("the numbers are used up".to_owned()),
        }
    }
}

/// Rounded up, for positive numbers.
fn divide_up(number: i64, by: i64) -> i64 {
    number / by + i64::from(number % by != 0)
}

impl Sequences {
    /// The first of `count` numbers of sequence `table`.
    ///
    /// Errors: a count below 1, a table without exactly one row, values that make no sense; mysqld's own.
    pub async fn next(&self, pool: &Pool, table: &str, count: i64) -> Result<i64> {
        if count < 1 {
            return Err(Error::invalid(format!("sequence {table}: invalid number of values {count}")));
        }
        let block = {
            let mut blocks = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
            match blocks.get(table) {
                Some(block) => Arc::clone(block),
                None => Arc::clone(blocks.entry(table.to_owned()).or_default()),
            }
        };
        let mut block = block.lock().await;
        if let Some(first) = block.take(count) {
            return Ok(first);
        }
        *block = reserve(pool, table, *block, count).await?;
        block
            .take(count)
            .ok_or_else(|| Error::internal(format!("sequence {table}: a new block is too short")))
    }

    /// Forgets all blocks: another tablet may give out numbers from now on.
    pub fn reset(&self) {
        self.blocks.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// Reserves in the table. An error or a dropped future leaves a transaction that is rolled back when the
/// connection is closed.
async fn reserve(pool: &Pool, table: &str, block: Block, count: i64) -> Result<Block> {
    let mut conn = pool.get_for_query().await?;
    conn.execute("begin").await?;
    let result = reserve_in_transaction(&mut conn, table, block, count).await;
    match &result {
        Ok(_) => conn.execute("commit").await?,
        Err(_) => conn.execute("rollback").await?,
    };
    result
}

async fn reserve_in_transaction(conn: &mut Conn, table: &str, block: Block, count: i64) -> Result<Block> {
    let name = backticked(table);
    let sql = format!("select next_id, cache from {name} where id = 0 for update");
    let result = conn.query(sql.as_bytes(), &QueryOptions { max_rows: 2, ..QueryOptions::default() }).await?;
    let block = block.refill(table, read_row(table, &result)?, count)?;
    conn.execute(&format!("update {name} set next_id = {} where id = 0", block.end)).await?;
    Ok(block)
}

fn read_row(table: &str, result: &QueryResult) -> Result<SequenceRow> {
    let [row] = result.rows.as_slice() else {
        let text = format!("sequence {table}: expected one row with id 0, found {}", result.rows.len());
        return Err(Error::new(Condition::FailedPrecondition, text));
    };
    let mut numbers = values(row).map(|v| std::str::from_utf8(v?).ok()?.parse::<i64>().ok());
    match (numbers.next().flatten(), numbers.next().flatten()) {
        (Some(next_id), Some(cache)) => Ok(SequenceRow { next_id, cache }),
        _ => Err(Error::new(
            Condition::FailedPrecondition,
            format!("sequence {table}: next_id or cache is no number"),
        )),
    }
}

/// The answer to `select next ...`: one column `nextval`, one row.
pub fn result(first: i64) -> QueryResult {
    let field = Field { name: "nextval".into(), r#type: Type::Int64 as i32, charset: 63, ..Field::default() };
    QueryResult {
        fields: vec![field],
        rows: vec![sqltypes::row_of([Some(first.to_string())])],
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: SequenceRow = SequenceRow { next_id: 1, cache: 10 };

    #[test]
    fn blocks_are_taken_and_refilled() {
        let mut block = Block::default();
        assert_eq!(block.take(1), None);
        block = block.refill("s", ROW, 1).unwrap();
        assert_eq!(block, Block { next: 1, end: 11 });
        assert_eq!((block.take(4), block.take(6), block.take(1)), (Some(1), Some(5), None));
        block = block.refill("s", SequenceRow { next_id: 11, cache: 10 }, 25).unwrap();
        assert_eq!((block.take(25), block), (Some(11), Block { next: 36, end: 41 }));
    }

    #[test]
    fn what_is_left_is_used_when_the_table_was_left_alone() {
        let block = Block { next: 8, end: 11 };
        let same = block.refill("s", SequenceRow { next_id: 11, cache: 10 }, 5).unwrap();
        assert_eq!(same, Block { next: 8, end: 21 });
        let moved = block.refill("s", SequenceRow { next_id: 1000, cache: 10 }, 5).unwrap();
        assert_eq!(moved, Block { next: 1000, end: 1010 });
        let set_back = block.refill("s", SequenceRow { next_id: 2, cache: 10 }, 5).unwrap();
        assert_eq!(set_back, Block { next: 11, end: 21 });
    }

    #[test]
    fn nonsense_is_refused() {
        for row in [
            SequenceRow { next_id: 1, cache: 0 },
            SequenceRow { next_id: 0, cache: 1 },
            SequenceRow { next_id: i64::MAX - 1, cache: 10 },
        ] {
            assert!(Block::default().refill("s", row, 1).is_err(), "{row:?}");
        }
        assert!(Block::default().refill("s", ROW, i64::MAX).is_err());
    }
}
