//! Columns' types, and the differences that are let pass.

use super::{Class, Difference};
use crate::answer::Column;

/// A difference of types that is no fault.
struct Tolerated {
    reason: &'static str,
    holds: fn(vivace: &Column, mysql: &Column) -> bool,
}

/// May only shrink.
const TOLERATED: &[Tolerated] = &[
    Tolerated {
        reason: "texts have the number of utf8mb4's default collation, which is another one on MariaDB; vtgate gives \
                 MySQL's",
        holds: |vivace, mysql| Column { charset: 45, ..vivace.clone() } == *mysql && vivace.charset == 255,
    },
    Tolerated {
        reason: "the decimals of a text or byte string that is computed say nothing; they are 0 for what went \
                 through a temporary table, which makes a VARCHAR of an ENUM in a ROLLUP, else 31: that depends on \
                 the plan (SQL_BUFFER_RESULT shows it on one server). A tablet says TEXT or BLOB without which of the \
                 four sizes; MySQL tells them apart for expressions",
        holds: |vivace, mysql| {
            let short = |c: &Column| [253, 254].contains(&c.kind);
            let long = |c: &Column| (249..=252).contains(&c.kind);
            let sized = (short(vivace) && short(mysql)) || (long(vivace) && long(mysql));
            let text = |c: &Column| sized && [0, 31].contains(&c.decimals);
            let is_default = |c: &Column| [45, 255].contains(&c.charset);
            let charset = match is_default(vivace) && is_default(mysql) {
                true => mysql.charset,
                false => vivace.charset,
            };
            let same =
                Column { charset, decimals: mysql.decimals, kind: mysql.kind, ..vivace.clone() } == *mysql;
            text(vivace) && text(mysql) && same && mysql.computed
        },
    },
    Tolerated {
        reason: "YEAR() is a YEAR, and an INT or BIGINT UNSIGNED when MySQL sorts or groups in a temporary table: that \
                 depends on the plan",
        holds: |vivace, mysql| {
            let year = |c: &Column| [3, 8, 13].contains(&c.kind) && c.unsigned;
            year(vivace) && year(mysql)
        },
    },
    Tolerated {
        reason: "an integer that is computed is as wide as it needs to be, and a BIGINT when it went through a temporary \
                 table: that depends on the plan (SQL_BUFFER_RESULT shows it on one server)",
        holds: |vivace, mysql| {
            let integer = |c: &Column| [3, 8].contains(&c.kind);
            integer(vivace)
                && integer(mysql)
                && mysql.computed
                && Column { kind: mysql.kind, ..vivace.clone() } == *mysql
        },
    },
    Tolerated {
        reason: "a JSON has the collation of a binary column where MySQL reads it from a table or a temporary table, \
                 and the client's where it is the column of a derived table that MySQL merged: that depends on the plan",
        holds: |vivace, mysql| {
            let json = |c: &Column| c.kind == 245 && [63, 45, 255].contains(&c.charset);
            json(vivace) && json(mysql) && Column { charset: mysql.charset, ..vivace.clone() } == *mysql
        },
    },
];

/// Compares types, signs, collations and decimals, column by column.
pub fn compare(vivace: &[Column], mysql: &[Column]) -> Result<(), Difference> {
    let texts: Vec<String> = vivace
        .iter()
        .zip(mysql)
        .enumerate()
        // Where a column comes from is not compared, but some rules need it.
        .map(|(i, (v, m))| (i, Column { computed: m.computed, ..v.clone() }, m))
        .filter(|(_, v, m)| v != *m && tolerated(v, m).is_none())
        .map(|(i, v, m)| format!("column {i} ({}): {} for {}", m.name, show(&v), show(m)))
        .collect();
    match texts.is_empty() {
        true => Ok(()),
        false => Err(Difference { class: Class::Types, text: texts.join("; ") }),
    }
}

/// Why a difference passes.
fn tolerated(vivace: &Column, mysql: &Column) -> Option<&'static str> {
    TOLERATED.iter().find(|t| (t.holds)(vivace, mysql)).map(|t| t.reason)
}

fn show(column: &Column) -> String {
    let unsigned = if column.unsigned { " unsigned" } else { "" };
    format!("type {}{unsigned}, charset {}, decimals {}", column.kind, column.charset, column.decimals)
}
