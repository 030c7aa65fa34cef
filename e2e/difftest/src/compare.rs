//! Whether two answers are the same, as far as the statement says what the answer is.

pub mod cells;
pub mod types;

use std::fmt;

use mysql_async::Conn;

use crate::{
    answer::{self, Answer, Cell, Rows, ask},
    order::{self, Shape},
    pair::{LIMIT, REFUSED},
};
use cells::{Looseness, canonical};

/// What differs. The order is that of the checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// No answer from vtgate.
    Lost,
    /// Only vtgate says it is an error: refused by name.
    RefusedRead,
    /// Only vtgate says it is an error.
    Error,
    /// Only MySQL says it is an error.
    NoError,
    /// Both do, with different numbers.
    Errno,
    /// Rows on one side, an OK on the other.
    Kind,
    /// Number or names of columns.
    Columns,
    Types,
    Rows,
    Order,
    Affected,
    InsertId,
    /// The tables after a write.
    State,
}

/// A difference, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub class: Class,
    pub text: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.class, self.text)
    }
}

fn differs<T>(class: Class, text: impl Into<String>) -> Result<T, Difference> {
    Err(Difference { class, text: text.into() })
}

/// How much of an answer counts; a case may ask for less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wanted {
    /// Only how many rows there are.
    pub any_rows: bool,
    /// Insert ids come from a sequence that others drew from.
    pub any_insert_id: bool,
}

/// Compares; `mysql_conn` may be asked which orders MySQL allows.
pub async fn compare(
    shape: &Shape,
    wanted: Wanted,
    vivace: &Answer,
    mysql: &Answer,
    mysql_conn: &mut Conn,
) -> Option<Difference> {
    let compared = match (vivace, mysql) {
        (Answer::Rows(v), Answer::Rows(m)) => rows(shape, wanted, v, m, mysql_conn).await,
        _ => outcomes(wanted, vivace, mysql),
    };
    compared.err()
}

fn outcomes(wanted: Wanted, vivace: &Answer, mysql: &Answer) -> Result<(), Difference> {
    match (vivace, mysql) {
        (Answer::Lost(why), _) => differs(Class::Lost, why.clone()),
        (_, Answer::Lost(why)) => differs(Class::Lost, format!("the plain mysqld: {why}")),
        (Answer::Fault { errno: v, message, .. }, Answer::Fault { errno: m, message: mine, .. }) => {
            match v == m {
                true => Ok(()),
                false => differs(Class::Errno, format!("{v} ({message}) for {m} ({mine})")),
            }
        }
        (Answer::Fault { errno, message, .. }, _) => {
            let class = if *errno == REFUSED { Class::RefusedRead } else { Class::Error };
            differs(class, format!("{errno} ({message})"))
        }
        (_, Answer::Fault { errno, message, .. }) => {
            differs(Class::NoError, format!("MySQL: {errno} ({message})"))
        }
        (Answer::Done { affected: v, insert_id: vid }, Answer::Done { affected: m, insert_id: mid }) => {
            if v != m {
                return differs(Class::Affected, format!("{v} for {m}"));
            }
            if vid != mid && !wanted.any_insert_id {
                return differs(Class::InsertId, format!("{vid} for {mid}"));
            }
            Ok(())
        }
        _ => differs(Class::Kind, format!("{vivace} for {mysql}")),
    }
}

async fn rows(
    shape: &Shape,
    wanted: Wanted,
    vivace: &Rows,
    mysql: &Rows,
    mysql_conn: &mut Conn,
) -> Result<(), Difference> {
    let names = |rows: &Rows| -> Vec<String> { rows.columns.iter().map(|c| c.name.clone()).collect() };
    let (v, m) = (names(vivace), names(mysql));
    if v != m {
        return differs(Class::Columns, format!("{v:?} for {m:?}"));
    }
    let contents = contents(shape, wanted, vivace, mysql, mysql_conn).await;
    // Wrong rows count more than a wrong type.
    contents.and_then(|()| types::compare(&vivace.columns, &mysql.columns))
}

async fn contents(
    shape: &Shape,
    wanted: Wanted,
    vivace: &Rows,
    mysql: &Rows,
    mysql_conn: &mut Conn,
) -> Result<(), Difference> {
    let counts = format!("{} rows for {}", vivace.rows.len(), mysql.rows.len());
    if vivace.rows.len() != mysql.rows.len() {
        return differs(Class::Rows, counts);
    }
    if wanted.any_rows || vivace.rows == mysql.rows {
        return Ok(());
    }
    let loose = Looseness { groups: shape.groups };
    let canon = |rows: &Rows| -> Vec<Vec<Cell>> {
        rows.rows.iter().map(|row| canonical(row, &mysql.columns, loose)).collect()
    };
    let (v, m) = (canon(vivace), canon(mysql));
    let same = if shape.is_ordered() { v == m } else { sorted(&v) == sorted(&m) };
    if same {
        return Ok(());
    }
    let multiset = sorted(&v) == sorted(&m);
    if let Some(query) = shape.query.as_ref().filter(|_| multiset || shape.is_limited())
        && let Some(ranked) = order::ranked(query, &mysql.columns)
        && let Answer::Rows(all) = ask(mysql_conn, &ranked.sql, LIMIT).await
        && allowed(&v, &all, ranked.offset, mysql, loose)
    {
        return Ok(());
    }
    match multiset {
        true => differs(Class::Order, first_difference(&v, &m)),
        false => differs(Class::Rows, format!("{counts}; {}", first_difference(&sorted(&v), &sorted(&m)))),
    }
}

fn sorted(rows: &[Vec<Cell>]) -> Vec<Vec<Cell>> {
    let mut rows = rows.to_vec();
    rows.sort();
    rows
}

/// Whether each row is one of those that have its place by the ORDER BY; each of them is used once.
fn allowed(rows: &[Vec<Cell>], all: &Rows, offset: usize, mysql: &Rows, loose: Looseness) -> bool {
    let mut ranked: Vec<(u64, Vec<Cell>)> = Vec::with_capacity(all.rows.len());
    for row in &all.rows {
        let Some((rank, row)) = row.split_last() else { return false };
        let Some(rank) = rank.as_ref().and_then(|r| std::str::from_utf8(r).ok()?.parse().ok()) else {
            return false;
        };
        ranked.push((rank, canonical(row, &mysql.columns, loose)));
    }
    ranked.sort_by_key(|(rank, _)| *rank);
    let places: Vec<u64> = ranked.iter().skip(offset).map(|(rank, _)| *rank).collect();
    rows.iter().enumerate().all(|(i, row)| {
        let found =
            places.get(i).and_then(|rank| ranked.iter().position(|(r, other)| r == rank && other == row));
        found.map(|at| ranked.remove(at)).is_some()
    })
}

fn first_difference(vivace: &[Vec<Cell>], mysql: &[Vec<Cell>]) -> String {
    let show = |row: &[Cell]| row.iter().map(answer::show).collect::<Vec<_>>().join(", ");
    let at = vivace.iter().zip(mysql).position(|(v, m)| v != m);
    match at {
        Some(at) => format!("row {at}: ({}) for ({})", show(&vivace[at]), show(&mysql[at])),
        None => format!("{} rows for {}", vivace.len(), mysql.len()),
    }
}

#[cfg(test)]
mod tests;
