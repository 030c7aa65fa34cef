//! Reading the schema from mysqld: what is there in a few queries, and the text of one table.
//!
//! A list of all tables says of each when its definition was changed last, to the second, and a checksum over its
//! columns: asking for 2,000 of these costs mysqld less than forty CREATE statements. The checksum is for what
//! the time cannot tell: two tables of the same age that swapped their names.
//!
//! What stays unseen until the table's next change: on a replica of MySQL, where the time is the primary's, a second
//! change within the same second that leaves the columns alone, if a look came between the two.

use std::collections::HashMap;

use mysqlwire::client::{Conn, QueryOptions};
use sqltypes::values;
use vterrors::{Condition, Error, Result};

use crate::query::bind::{backticked, quoted};

/// The most tables that are looked at; a database with more is an error that says so.
pub const MAX_TABLES: usize = 1_000_000;

/// A table or a view as the list has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub name: String,
    pub is_view: bool,
    pub mark: Mark,
}

/// What two looks at the same definition have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mark {
    /// When the definition was changed last, in seconds of the server's clock; 0 for a view, which has none.
    pub changed_at: u64,
    /// Over the columns and their attributes.
    pub columns: u64,
}

/// The server's time at the beginning of a look, and all tables and views.
pub struct List {
    pub now: u64,
    pub tables: Vec<Listed>,
}

/// Lists the tables and views of a database.
///
/// Errors: more than [`MAX_TABLES`].
pub async fn list(conn: &mut Conn, db_name: &str) -> Result<List> {
    let now = rows(conn, "select unix_timestamp()").await?;
    let sums = column_sums(conn, db_name).await?;
    let sql = format!(
        "select table_name, table_type, unix_timestamp(create_time) from information_schema.tables \
         where table_schema = {} limit {}",
        quoted(db_name),
        MAX_TABLES + 1
    );
    let listed = rows(conn, &sql).await?;
    if listed.len() > MAX_TABLES {
        let text = format!("database {db_name} has more than {MAX_TABLES} tables");
        return Err(Error::new(Condition::FailedPrecondition, text));
    }
    let table = |row: Vec<String>| {
        let [name, kind, changed_at] = <[String; 3]>::try_from(row).ok()?;
        let columns = sums.get(&name).copied().unwrap_or_default();
        let mark = Mark { changed_at: number(&changed_at), columns };
        Some(Listed { is_view: kind == "VIEW", name, mark })
    };
    let now = now.into_iter().flatten().next().map_or(0, |text| number(&text));
    Ok(List { now, tables: listed.into_iter().filter_map(table).collect() })
}

/// A checksum of every table's columns.
async fn column_sums(conn: &mut Conn, db_name: &str) -> Result<HashMap<String, u64>> {
    let sql = format!(
        "select table_name, sum(crc32(concat_ws(',', ordinal_position, quote(column_name), column_type, \
         is_nullable, quote(column_default), extra, quote(collation_name), quote(column_comment)))) \
         from information_schema.columns where table_schema = {} group by table_name",
        quoted(db_name)
    );
    let pair = |row: Vec<String>| <[String; 2]>::try_from(row).ok().map(|[name, sum]| (name, number(&sum)));
    Ok(rows(conn, &sql).await?.into_iter().filter_map(pair).collect())
}

/// The values as text; NULL is empty.
async fn rows(conn: &mut Conn, sql: &str) -> Result<Vec<Vec<String>>> {
    let result = conn.query(sql.as_bytes(), &QueryOptions::default()).await?;
    let text = |v: Option<&[u8]>| String::from_utf8_lossy(v.unwrap_or_default()).into_owned();
    Ok(result.rows.iter().map(|row| values(row).map(text).collect()).collect())
}

/// The whole part of a number; 0 for what is none.
fn number(text: &str) -> u64 {
    text.split('.').next().and_then(|whole| whole.parse().ok()).unwrap_or_default()
}

/// `None` for a table that was dropped since it was listed, and for a view that is broken.
pub async fn show_create(conn: &mut Conn, db_name: &str, name: &str) -> Result<Option<String>> {
    let sql = format!("show create table {}.{}", backticked(db_name), backticked(name));
    let result = match conn.execute(&sql).await {
        Ok(result) => result,
        Err(e) if matches!(e.errno(), 1146 | 1356 | 1449) => return Ok(None),
        Err(e) => return Err(e),
    };
    let create = result.rows.first().and_then(|row| values(row).nth(1).flatten().map(<[u8]>::to_vec));
    Ok(create.map(|c| String::from_utf8_lossy(&c).into_owned()))
}

/// Without what changes by itself (the counter), and for a view without the database's name.
pub fn normalise(create: &str, is_view: bool, db_name: &str) -> String {
    if is_view {
        return create.replace(&format!("{}.", backticked(db_name)), "");
    }
    // The counter stands among the options behind the last parenthesis of the columns.
    let Some(options) = create.rfind("\n)") else { return create.to_owned() };
    let Some(at) = create[options..].find(" AUTO_INCREMENT=").map(|n| options + n) else {
        return create.to_owned();
    };
    let digits = at + " AUTO_INCREMENT=".len();
    let end = create[digits..].find(|c: char| !c.is_ascii_digit()).map_or(create.len(), |n| digits + n);
    format!("{}{}", &create[..at], &create[end..])
}
