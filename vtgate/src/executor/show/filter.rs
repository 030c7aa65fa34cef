//! LIKE and WHERE of the SHOWs that vtgate answers itself.
//!
//! LIKE is matched here. A WHERE has MySQL's expressions, and only a mysqld evaluates those: the rows are
//! sent to one as a derived table, with the condition as it was written.

use sqlast::{
    Visit, Visitor, Walk,
    ast::{Expr, Query},
};
use sqltypes::{Field, Row};
use vterrors::{Error, Result};

/// More rows are not sent along with a condition.
const MAX_ROWS: usize = 10_000;

/// The rows whose column is like the pattern, whatever the case of letters.
pub(in crate::executor) fn like_column(rows: Vec<Row>, column: usize, pattern: &str) -> Vec<Row> {
    let text = |row: &Row| {
        sqltypes::value_at(row, column).flatten().map(|v| String::from_utf8_lossy(v).into_owned())
    };
    rows.into_iter().filter(|row| text(row).is_some_and(|v| is_like(&v, pattern))).collect()
}

/// Whether a text is like the pattern, whatever the case of letters.
pub(in crate::executor) fn is_like(text: &str, pattern: &str) -> bool {
    like(&pattern.to_lowercase(), &text.to_lowercase())
}

/// MySQL's LIKE: `%` any text, `_` one character, a backslash takes the next one as it is.
fn like(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    // Where to go on when what follows the last `%` does not fit: the `%` takes one more character.
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        let (literal, width) = match pattern.get(p) {
            Some('\\') if p + 1 < pattern.len() => (pattern.get(p + 1), 2),
            other => (other, 1),
        };
        match (pattern.get(p), literal) {
            (Some('%'), _) => {
                retry = Some((p + 1, t));
                p += 1;
            }
            (Some('_'), _) => {
                p += 1;
                t += 1;
            }
            (_, Some(c)) if *c == text[t] => {
                p += width;
                t += 1;
            }
            _ => match retry.as_mut() {
                Some((after, from)) => {
                    *from += 1;
                    (p, t) = (*after, *from);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '%')
}

/// The query that gives those of the rows that meet the condition; `None` when there are none to ask about.
///
/// Errors: a condition that reads tables or the session, too many rows.
pub(in crate::executor) fn condition_query(
    fields: &[Field],
    rows: &[Row],
    condition: &Expr,
) -> Result<Option<String>> {
    if let Some(what) = outside(condition) {
        return Err(Error::unsupported(format!("not supported in the WHERE of this SHOW: {what}")));
    }
    if rows.len() > MAX_ROWS {
        return Err(Error::unsupported(format!("a WHERE over more than {MAX_ROWS} rows of a SHOW")));
    }
    if rows.is_empty() {
        return Ok(None);
    }
    let mut sql = "select * from (".to_owned();
    for (at, row) in rows.iter().enumerate() {
        sql.push_str(if at == 0 { "select " } else { " union all select " });
        for (column, value) in sqltypes::values(row).enumerate() {
            sql.push_str(if column == 0 { "" } else { ", " });
            sql.push_str(&value.map_or("null".to_owned(), quoted));
            if at == 0 {
                let name = fields.get(column).map_or("", |f| &f.name);
                sql.push_str(&format!(" as `{}`", name.replace('`', "``")));
            }
        }
    }
    let condition = String::from_utf8(sqlast::to_sql(condition))
        .map_err(|_| Error::unsupported("a condition whose text is not UTF-8"))?;
    sql.push_str(&format!(") as `rows` where {condition}"));
    Ok(Some(sql))
}

/// A literal as a tablet reads it, in the collation that the condition's own literals have there.
pub(in crate::executor) fn quoted(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value).replace('\\', "\\\\").replace('\'', "''");
    format!("'{text}'")
}

/// What a condition has that the rows alone do not answer.
fn outside(condition: &Expr) -> Option<&'static str> {
    struct Finder(Option<&'static str>);
    impl Visitor for Finder {
        fn enter_expr(&mut self, expr: &Expr) -> Visit {
            self.0 = match expr {
                Expr::UserVar(_) | Expr::SysVar(_) | Expr::Assign(_) => Some("variables"),
                Expr::Param(_) => Some("parameters"),
                Expr::Column(name) if name.qualifier.is_some() => Some("qualified names"),
                // They ask for the session, which is not the one on the tablet.
                Expr::Func(call) if call.args.is_empty() => Some("functions without arguments"),
                _ => None,
            };
            if self.0.is_some() { Visit::Stop } else { Visit::Into }
        }
        fn enter_query(&mut self, _: &Query) -> Visit {
            self.0 = Some("subqueries");
            Visit::Stop
        }
    }
    let mut finder = Finder(None);
    condition.walk(&mut finder);
    finder.0
}

#[cfg(test)]
mod tests;
