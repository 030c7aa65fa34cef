//! Generated SELECTs.
//!
//! What MySQL leaves open is not asked for, but for what the comparison knows to be open: LIMIT stands only at
//! the outer end or over an order that tells rows apart, GROUP_CONCAT and window functions have an order, texts of
//! groups are not worked on further.

mod derived;
pub(super) mod from;

use super::{
    schema::Generated,
    values::{Family, Kind},
};
use crate::dice::Dice;

/// A column in scope.
#[derive(Debug, Clone)]
pub struct Seen {
    pub sql: String,
    pub kind: Kind,
    /// Literals of this column that rows have.
    pub values: Vec<String>,
}

/// What names mean at a place.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    pub columns: Vec<Seen>,
    /// `id` columns: together they tell rows apart.
    pub ids: Vec<String>,
    /// Conditions that belong into WHERE: joins that are written there.
    pub wheres: Vec<String>,
}

/// A SELECT without ORDER BY and LIMIT, and its columns' names and types.
struct Made {
    sql: String,
    columns: Vec<(String, Kind)>,
    /// May be used as a derived table.
    plain: bool,
}

/// Makes statements over these tables.
pub struct Reader<'a> {
    pub dice: &'a mut Dice,
    pub tables: &'a [Generated],
    /// In a write MySQL makes errors of conversions that a read warns of, when its plan comes by the row.
    is_strict: bool,
    next_alias: usize,
}

impl<'a> Reader<'a> {
    pub fn new(dice: &'a mut Dice, tables: &'a [Generated]) -> Self {
        Self { dice, tables, is_strict: false, next_alias: 0 }
    }

    /// For conditions of a write.
    pub fn strict(dice: &'a mut Dice, tables: &'a [Generated]) -> Self {
        Self { is_strict: true, ..Self::new(dice, tables) }
    }

    /// A whole SELECT.
    pub fn statement(&mut self) -> String {
        let made = match self.dice.weighted(&[41, 24, 5, 11, 7, 5, 6, 1]) {
            0 => self.plain(2),
            1 => self.grouped(2),
            2 => self.windowed(),
            3 => self.union(),
            4 => self.over_derived(),
            5 => self.over_cte(),
            6 => self.grouped_derived(),
            _ => self.without_table(),
        };
        let mut sql = made.sql;
        let count = made.columns.len();
        if self.dice.chance(60) {
            let mut keys = Vec::new();
            for _ in 0..1 + self.dice.below(2) {
                let at = self.dice.below(count);
                let key =
                    if self.dice.chance(50) { (at + 1).to_string() } else { made.columns[at].0.clone() };
                keys.push(format!("{key}{}", if self.dice.chance(40) { " DESC" } else { "" }));
            }
            sql.push_str(&format!(" ORDER BY {}", keys.join(", ")));
            if self.dice.chance(35) {
                sql.push_str(&format!(" LIMIT {}", 1 + self.dice.below(6)));
                if self.dice.chance(30) {
                    sql.push_str(&format!(" OFFSET {}", self.dice.below(4)));
                }
            }
        } else if self.dice.chance(8) {
            sql.push_str(&format!(" LIMIT {}", 1 + self.dice.below(5)));
        }
        sql
    }

    fn alias(&mut self) -> String {
        self.next_alias += 1;
        format!("t{}", self.next_alias - 1)
    }

    /// Mostly one that a row has.
    pub fn literal_of(&mut self, column: &Seen) -> String {
        match column.kind {
            // To a comparison a text is no document.
            Kind::Json => "CAST('1' AS JSON)".to_owned(),
            _ if !column.values.is_empty() && self.dice.chance(80) => self.dice.pick(&column.values).clone(),
            kind => kind.literal(self.dice).to_owned(),
        }
    }

    fn without_table(&mut self) -> Made {
        let (a, b) = (self.dice.below(9), self.dice.below(9));
        let columns = vec![("x0".to_owned(), Kind::Int)];
        Made { sql: format!("SELECT {a} + {b} AS x0, CONCAT('a', {b}) AS x1"), columns, plain: true }
    }

    fn where_(&mut self, scope: &Scope, depth: usize) -> String {
        let mut all = scope.wheres.clone();
        if self.dice.chance(11) {
            all.extend(self.one_row_of_each(scope));
        } else if self.dice.chance(60) {
            all.push(self.condition(scope, depth));
        }
        if depth > 0 && self.dice.chance(12) {
            all.extend(self.semi(scope));
        }
        if all.is_empty() { String::new() } else { format!(" WHERE {}", all.join(" AND ")) }
    }

    fn plain(&mut self, depth: usize) -> Made {
        let (from, scope) = self.from();
        let distinct = self.dice.chance(15);
        let mut items = Vec::new();
        let mut columns = Vec::new();
        for i in 0..1 + self.dice.below(4) {
            let (sql, kind) = match distinct {
                true => {
                    let seen = self.seen(&scope);
                    (seen.sql, seen.kind)
                }
                false => self.expression(&scope, depth),
            };
            if kind == Kind::Json && distinct {
                continue;
            }
            items.push(format!("{sql} AS x{i}"));
            columns.push((format!("x{i}"), kind));
        }
        if items.is_empty() {
            items.push("1 AS x0".to_owned());
            columns.push(("x0".to_owned(), Kind::Int));
        }
        let where_ = self.where_(&scope, depth);
        let distinct_word = if distinct { "DISTINCT " } else { "" };
        Made {
            sql: format!("SELECT {distinct_word}{} FROM {from}{where_}", items.join(", ")),
            columns,
            plain: !distinct,
        }
    }

    /// A column or something worked out from columns.
    fn expression(&mut self, scope: &Scope, depth: usize) -> (String, Kind) {
        let seen = self.seen(scope);
        let sql = seen.sql.clone();
        if self.dice.chance(65) {
            return (sql, seen.kind);
        }
        if depth > 0 && self.dice.chance(25) {
            return self.scalar(scope);
        }
        match seen.kind.family() {
            Family::Number if seen.kind == Kind::Int => {
                (format!("{sql} {} {}", self.dice.pick(&["+", "-", "*"]), self.dice.below(9)), Kind::Int)
            }
            Family::Number => (format!("COALESCE({sql}, 0)"), seen.kind),
            Family::Text(_) => match self.dice.below(3) {
                0 => (format!("CONCAT({sql}, 'x')"), seen.kind),
                1 => (format!("UPPER({sql})"), seen.kind),
                _ => (format!("LENGTH({sql})"), Kind::Int),
            },
            Family::Date => (format!("YEAR({sql})"), Kind::Int),
            Family::Bytes => (format!("HEX({sql})"), Kind::Text(super::values::Collation::Ai)),
            Family::Json => (format!("JSON_TYPE({sql})"), Kind::Text(super::values::Collation::Ai)),
            _ => (format!("{sql} IS NULL"), Kind::Int),
        }
    }

    fn grouped(&mut self, depth: usize) -> Made {
        let (from, scope) = self.from();
        self.grouped_of(&from, &scope, depth)
    }

    fn grouped_of(&mut self, from: &str, scope: &Scope, depth: usize) -> Made {
        let mut keys: Vec<Seen> = Vec::new();
        for _ in 0..self.dice.weighted(&[20, 50, 30]) {
            let seen = self.seen(scope);
            if seen.kind != Kind::Json && keys.iter().all(|k| k.sql != seen.sql) {
                keys.push(seen);
            }
        }
        let mut items = Vec::new();
        let mut columns = Vec::new();
        for key in &keys {
            items.push(format!("{} AS x{}", key.sql, items.len()));
            columns.push((format!("x{}", columns.len()), key.kind));
        }
        let mut last = String::new();
        for _ in 0..1 + self.dice.below(3) {
            let (sql, kind) = self.aggregate(scope);
            items.push(format!("{sql} AS x{}", items.len()));
            columns.push((format!("x{}", columns.len()), kind));
            last = sql;
        }
        let mut sql = format!("SELECT {} FROM {from}{}", items.join(", "), self.where_(scope, depth));
        if !keys.is_empty() {
            let names: Vec<&str> = keys.iter().map(|k| k.sql.as_str()).collect();
            let rollup = if self.dice.chance(6) { " WITH ROLLUP" } else { "" };
            sql.push_str(&format!(" GROUP BY {}{rollup}", names.join(", ")));
        }
        if self.dice.chance(20) {
            let having = match self.dice.chance(50) {
                true => format!("COUNT(*) > {}", self.dice.below(3)),
                false => format!("{last} IS NOT NULL"),
            };
            sql.push_str(&format!(" HAVING {having}"));
        }
        let plain = columns.iter().all(|(_, kind)| !kind.is_text() && *kind != Kind::Double);
        Made { sql, columns, plain }
    }

    fn aggregate(&mut self, scope: &Scope) -> (String, Kind) {
        let seen = self.seen(scope);
        let sql = &seen.sql;
        let distinct = if self.dice.chance(20) { "DISTINCT " } else { "" };
        let number = seen.kind.family() == Family::Number;
        match self.dice.below(8) {
            0 => ("COUNT(*)".to_owned(), Kind::Int),
            1 | 2 => (format!("COUNT({distinct}{sql})"), Kind::Int),
            3 if seen.kind != Kind::Json => (format!("MIN({sql})"), seen.kind),
            4 if seen.kind != Kind::Json => (format!("MAX({sql})"), seen.kind),
            5 if number => (
                format!("SUM({distinct}{sql})"),
                if seen.kind == Kind::Double { Kind::Double } else { Kind::Decimal },
            ),
            6 if number => (
                format!("AVG({distinct}{sql})"),
                if seen.kind == Kind::Double { Kind::Double } else { Kind::Decimal },
            ),
            7 if seen.kind == Kind::Int => (
                format!("GROUP_CONCAT({distinct}{sql} ORDER BY {sql})"),
                Kind::Text(super::values::Collation::Ai),
            ),
            _ => ("COUNT(*)".to_owned(), Kind::Int),
        }
    }

    fn windowed(&mut self) -> Made {
        let (from, scope) = self.from();
        let ids = scope.ids.join(", ");
        let part = self.seen(&scope);
        let partition = match part.kind != Kind::Json && self.dice.chance(50) {
            true => format!("PARTITION BY {} ", part.sql),
            false => String::new(),
        };
        let by = self.column(&scope);
        let number: Vec<&Seen> = scope.columns.iter().filter(|c| c.kind == Kind::Int).collect();
        let number = self.dice.pick(&number).sql.clone();
        let window = match self.dice.below(6) {
            0 => format!("ROW_NUMBER() OVER ({partition}ORDER BY {ids})"),
            1 => format!("RANK() OVER ({partition}ORDER BY {by})"),
            2 => format!("SUM({number}) OVER ({partition}ORDER BY {ids})"),
            3 => format!("COUNT(*) OVER ({})", partition.trim_end()),
            4 => format!("LAG({number}) OVER ({partition}ORDER BY {ids})"),
            _ => format!(
                "MAX({number}) OVER ({partition}ORDER BY {ids} ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)"
            ),
        };
        let shown = self.seen(&scope);
        let where_ = self.where_(&scope, 1);
        Made {
            sql: format!("SELECT {} AS x0, {window} AS x1 FROM {from}{where_}", shown.sql),
            columns: vec![("x0".to_owned(), shown.kind), ("x1".to_owned(), Kind::Int)],
            plain: true,
        }
    }
}
