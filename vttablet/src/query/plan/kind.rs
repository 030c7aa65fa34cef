//! The kind of a statement, from its first words.

use serde::Serialize;

use super::super::bind::{Escapes, skip_token};

/// What a statement is, as far as the tablet treats it differently. Names in metrics are Vitess's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Kind {
    Select,
    Insert,
    Update,
    Delete,
    /// `select next ... values from ...`.
    NextVal(Sequence),
    Ddl,
    /// CREATE and DROP TEMPORARY TABLE: part of a session, not of the schema.
    Temporary,
    Set,
    Show,
    /// EXPLAIN, DESCRIBE and the like.
    OtherRead,
    /// ANALYZE, OPTIMIZE, FLUSH...
    OtherAdmin,
    CallProc,
    Savepoint,
    /// BEGIN, COMMIT and so on as text: they have calls of their own.
    Transaction,
    /// LOCK TABLES and UNLOCK TABLES.
    Lock,
    Load,
    Empty,
}

/// A sequence and how many of its values are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sequence {
    /// Without backticks and without the database.
    pub table: String,
    pub step: Step,
}

/// How many values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Step {
    Number(i64),
    /// The name of a bind variable.
    Bind(String),
}

impl Kind {
    pub fn of(sql: &str) -> Self {
        let mut words = Words::new(sql);
        let Some(first) = words.next() else { return Self::Empty };
        let lower = first.to_ascii_lowercase();
        match lower.as_str() {
            "select" => next_value(sql).map_or(Self::Select, Self::NextVal),
            "(" | "values" | "table" => Self::Select,
            "with" => with_kind(words),
            "insert" | "replace" => Self::Insert,
            "update" => Self::Update,
            "delete" => Self::Delete,
            "create" | "drop" => match words.next() {
                Some(word) if word.eq_ignore_ascii_case("temporary") => Self::Temporary,
                _ => Self::Ddl,
            },
            "alter" | "truncate" | "rename" => Self::Ddl,
            "set" => Self::Set,
            "show" => Self::Show,
            "explain" | "describe" | "desc" => Self::OtherRead,
            "call" => Self::CallProc,
            "begin" | "start" | "commit" | "xa" => Self::Transaction,
            // ROLLBACK TO is about a savepoint.
            "rollback" => {
                let to = words.any(|w| w.eq_ignore_ascii_case("to"));
                if to { Self::Savepoint } else { Self::Transaction }
            }
            "savepoint" | "release" => Self::Savepoint,
            "lock" | "unlock" => Self::Lock,
            "load" => Self::Load,
            ";" => Self::Empty,
            _ => Self::OtherAdmin,
        }
    }

    pub fn name(&self) -> &'static str {
        match self {
            Self::Select => "Select",
            Self::Insert => "Insert",
            Self::Update => "Update",
            Self::Delete => "Delete",
            Self::NextVal(_) => "Nextval",
            Self::Ddl => "DDL",
            Self::Temporary => "TemporaryTable",
            Self::Set => "Set",
            Self::Show => "Show",
            Self::OtherRead => "OtherRead",
            Self::OtherAdmin => "OtherAdmin",
            Self::CallProc => "CallProcedure",
            Self::Savepoint => "Savepoint",
            Self::Transaction => "Transaction",
            Self::Lock => "LockTables",
            Self::Load => "Load",
            Self::Empty => "Empty",
        }
    }

    /// It changes rows.
    pub fn is_dml(&self) -> bool {
        matches!(self, Self::Insert | Self::Update | Self::Delete)
    }
}

/// A common table expression in front: the statement's own verb is the first one outside of parentheses.
fn with_kind(words: Words<'_>) -> Kind {
    let mut depth = 0usize;
    for word in words {
        match word {
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            w if depth > 0 || w.len() != 6 => {}
            w if w.eq_ignore_ascii_case("select") => return Kind::Select,
            w if w.eq_ignore_ascii_case("update") => return Kind::Update,
            w if w.eq_ignore_ascii_case("delete") => return Kind::Delete,
            _ => {}
        }
    }
    Kind::Select
}

/// `select next value from t`, `select next 5 values from db.t`, `select next :n values from t`.
fn next_value(sql: &str) -> Option<Sequence> {
    let mut words = Words::new(sql);
    let is = |word: Option<&str>, text: &str| word.is_some_and(|w| w.eq_ignore_ascii_case(text));
    words.next()?;
    if !is(words.next(), "next") {
        return None;
    }
    let step = match words.next()? {
        w if w.eq_ignore_ascii_case("value") => Step::Number(1),
        ":" => {
            let name = words.next()?.to_owned();
            is(words.next(), "values").then_some(Step::Bind(name))?
        }
        number => {
            let number = number.parse().ok()?;
            is(words.next(), "values").then_some(Step::Number(number))?
        }
    };
    if !is(words.next(), "from") {
        return None;
    }
    let mut table = words.next()?;
    if let Some(".") = words.next() {
        table = words.next()?;
    }
    let table = match table.strip_prefix('`').and_then(|t| t.strip_suffix('`')) {
        Some(inner) => inner.replace("``", "`"),
        None => table.to_owned(),
    };
    Some(Sequence { table, step })
}

/// Words, quoted things and single signs of a text; space and comments are left out.
struct Words<'a> {
    sql: &'a str,
    at: usize,
}

impl<'a> Words<'a> {
    fn new(sql: &'a str) -> Self {
        Self { sql, at: 0 }
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let bytes = self.sql.as_bytes();
        loop {
            let start = self.at;
            let byte = *bytes.get(start)?;
            if byte.is_ascii_whitespace() {
                self.at += 1;
                continue;
            }
            let end = skip_token(bytes, start, Escapes::Backslash);
            if end > start {
                self.at = end;
                if matches!(byte, b'\'' | b'"' | b'`') {
                    return self.sql.get(start..end);
                }
                continue;
            }
            let word = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'$' | b'@') || *b >= 0x80;
            let len = bytes[start..].iter().position(|b| !word(b)).unwrap_or(bytes.len() - start).max(1);
            self.at = start + len;
            return self.sql.get(start..self.at);
        }
    }
}
