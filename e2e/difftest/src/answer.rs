//! What a server says to one statement, as a client sees it.

use std::{fmt, time::Duration};

use mysql_async::{Conn, Value, consts::ColumnFlags, prelude::Queryable};

/// A value as its text; none for NULL.
pub type Cell = Option<Vec<u8>>;

/// A result's column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    /// The type byte of the protocol.
    pub kind: u8,
    pub unsigned: bool,
    /// The collation's number.
    pub charset: u16,
    pub decimals: u8,
    /// It is no column of a table.
    pub computed: bool,
}

/// Rows with their columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rows {
    pub columns: Vec<Column>,
    pub rows: Vec<Vec<Cell>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Rows(Rows),
    Done {
        affected: u64,
        insert_id: u64,
    },
    /// The server's error.
    Fault {
        errno: u16,
        state: String,
        message: String,
    },
    /// No answer: the connection broke, or it took too long.
    Lost(String),
}

impl Answer {
    pub fn rows(&self) -> Option<&Rows> {
        match self {
            Self::Rows(rows) => Some(rows),
            _ => None,
        }
    }

    pub fn errno(&self) -> Option<u16> {
        match self {
            Self::Fault { errno, .. } => Some(*errno),
            _ => None,
        }
    }
}

/// Runs a statement. Whatever happens is an answer.
pub async fn ask(conn: &mut Conn, sql: &str, limit: Duration) -> Answer {
    match tokio::time::timeout(limit, read(conn, sql)).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(mysql_async::Error::Server(e))) => {
            Answer::Fault { errno: e.code, state: e.state, message: e.message }
        }
        Ok(Err(e)) => Answer::Lost(e.to_string()),
        Err(_) => Answer::Lost(format!("no answer within {limit:?}")),
    }
}

async fn read(conn: &mut Conn, sql: &str) -> mysql_async::Result<Answer> {
    let mut result = conn.query_iter(sql).await?;
    let columns: Vec<Column> = result.columns_ref().iter().map(column).collect();
    if columns.is_empty() {
        let (affected, insert_id) = (result.affected_rows(), result.last_insert_id().unwrap_or_default());
        result.drop_result().await?;
        return Ok(Answer::Done { affected, insert_id });
    }
    let rows: Vec<mysql_async::Row> = result.collect().await?;
    result.drop_result().await?;
    let rows = rows.into_iter().map(|row| row.unwrap_raw().into_iter().map(cell).collect()).collect();
    Ok(Answer::Rows(Rows { columns, rows }))
}

fn column(column: &mysql_async::Column) -> Column {
    Column {
        name: column.name_str().into_owned(),
        kind: column.column_type() as u8,
        unsigned: column.flags().contains(ColumnFlags::UNSIGNED_FLAG),
        charset: column.character_set(),
        decimals: column.decimals(),
        computed: column.org_table_ref().is_empty(),
    }
}

fn cell(value: Option<Value>) -> Cell {
    match value {
        None | Some(Value::NULL) => None,
        Some(Value::Bytes(bytes)) => Some(bytes),
        Some(other) => Some(other.as_sql(true).into_bytes()),
    }
}

/// A value for a reader: text as it is, bytes that are none in hex.
pub fn show(cell: &Cell) -> String {
    match cell {
        None => "NULL".to_owned(),
        Some(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) if !text.chars().any(char::is_control) => format!("{text:?}"),
            _ => bytes.iter().fold("0x".to_owned(), |hex, b| format!("{hex}{b:02x}")),
        },
    }
}

/// Rows that are shown of an answer.
const SHOWN: usize = 12;

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done { affected, insert_id } => write!(f, "{affected} affected, insert id {insert_id}"),
            Self::Fault { errno, state, message } => write!(f, "error {errno} ({state}): {message}"),
            Self::Lost(why) => write!(f, "no answer: {why}"),
            Self::Rows(rows) => {
                let names: Vec<&str> = rows.columns.iter().map(|c| c.name.as_str()).collect();
                write!(f, "{} rows ({})", rows.rows.len(), names.join(", "))?;
                for row in rows.rows.iter().take(SHOWN) {
                    let cells: Vec<String> = row.iter().map(show).collect();
                    write!(f, "\n    {}", cells.join(", "))?;
                }
                if rows.rows.len() > SHOWN {
                    write!(f, "\n    ...")?;
                }
                Ok(())
            }
        }
    }
}
