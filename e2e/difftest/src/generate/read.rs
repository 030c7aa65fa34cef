//! Generated SELECTs.
//!
//! What MySQL leaves open is not asked for, but for what the comparison knows to be open: LIMIT stands only at
//! the outer end, GROUP_CONCAT and window functions have an order, texts of groups are not worked on further.

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
    next_alias: usize,
}

impl<'a> Reader<'a> {
    pub fn new(dice: &'a mut Dice, tables: &'a [Generated]) -> Self {
        Self { dice, tables, next_alias: 0 }
    }

    /// A whole SELECT.
    pub fn statement(&mut self) -> String {
        let made = match self.dice.weighted(&[44, 26, 8, 8, 6, 6]) {
            0 => self.plain(2),
            1 => self.grouped(2),
            2 => self.windowed(),
            3 => self.union(),
            4 => self.over_derived(),
            _ => self.over_cte(),
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

    /// One table with its alias.
    pub fn simple_from(&mut self) -> (String, Scope) {
        let table = self.dice.pick(self.tables);
        let alias = self.alias();
        let at = |i: usize| table.rows.iter().map(|r| r[i].clone()).filter(|v| v != "NULL").collect();
        let seen = table.columns.iter().enumerate();
        let columns = seen
            .map(|(i, c)| Seen { sql: format!("{alias}.{}", c.name), kind: c.kind, values: at(i) })
            .collect();
        let name = if table.keyspace == "two" && self.dice.chance(50) {
            table.name.clone()
        } else {
            table.full_name()
        };
        (format!("{name} AS {alias}"), Scope { columns, ids: vec![format!("{alias}.id")] })
    }

    /// One to three tables, joined.
    fn from(&mut self) -> (String, Scope) {
        let (mut sql, mut scope) = self.simple_from();
        for _ in 0..self.dice.weighted(&[50, 38, 12]) {
            let (right, other) = self.simple_from();
            let on = self.join_condition(&scope, &other);
            scope.columns.extend(other.columns);
            scope.ids.extend(other.ids);
            let kind =
                *self.dice.pick(&["JOIN", "JOIN", "LEFT JOIN", "LEFT JOIN", "RIGHT JOIN", "STRAIGHT_JOIN"]);
            let more = match self.dice.chance(20) {
                true => format!(" AND {}", self.condition(&scope, 0)),
                false => String::new(),
            };
            sql = format!("{sql} {kind} {right} ON {on}{more}");
        }
        (sql, scope)
    }

    fn join_condition(&mut self, left: &Scope, right: &Scope) -> String {
        let mut pairs = Vec::new();
        for l in &left.columns {
            pairs.extend(right.columns.iter().filter(|r| r.kind.family() == l.kind.family()).map(|r| (l, r)));
        }
        // Keys are named id and k: half of the joins are on these.
        let is_key = |c: &Seen| c.sql.ends_with(".id") || c.sql.ends_with(".k");
        let keys: Vec<_> = pairs.iter().filter(|(l, r)| is_key(l) && is_key(r)).copied().collect();
        let (l, r) = match !keys.is_empty() && self.dice.chance(60) {
            true => *self.dice.pick(&keys),
            false => *self.dice.pick(&pairs),
        };
        let op = if self.dice.chance(88) { "=" } else { *self.dice.pick(&["<", ">=", "<=>", "<>"]) };
        format!("{} {op} {}", l.sql, r.sql)
    }

    pub fn seen(&mut self, scope: &Scope) -> Seen {
        self.dice.pick(&scope.columns).clone()
    }

    pub fn column(&mut self, scope: &Scope) -> String {
        self.seen(scope).sql
    }

    /// Another column that it may be compared with.
    pub fn like(&mut self, scope: &Scope, column: &Seen) -> Option<String> {
        let fits = |c: &&Seen| c.kind.family() == column.kind.family() && c.sql != column.sql;
        let others: Vec<&Seen> = scope.columns.iter().filter(fits).collect();
        if others.is_empty() { None } else { Some(self.dice.pick(&others).sql.clone()) }
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

    fn where_(&mut self, scope: &Scope, depth: usize) -> String {
        match self.dice.chance(65) {
            true => format!(" WHERE {}", self.condition(scope, depth)),
            false => String::new(),
        }
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
        if depth > 0 && self.dice.chance(20) {
            let (from, inner) = self.simple_from();
            let condition = self.condition(&inner, 0);
            return (format!("(SELECT COUNT(*) FROM {from} WHERE {condition})"), Kind::Int);
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
        let mut keys: Vec<Seen> = Vec::new();
        for _ in 0..self.dice.weighted(&[20, 50, 30]) {
            let seen = self.seen(&scope);
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
            let (sql, kind) = self.aggregate(&scope);
            items.push(format!("{sql} AS x{}", items.len()));
            columns.push((format!("x{}", columns.len()), kind));
            last = sql;
        }
        let mut sql = format!("SELECT {} FROM {from}{}", items.join(", "), self.where_(&scope, depth));
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

    fn union(&mut self) -> Made {
        let (from, scope) = self.from();
        let (other_from, other) = self.from();
        let mut items = [Vec::new(), Vec::new()];
        let mut columns = Vec::new();
        for i in 0..1 + self.dice.below(3) {
            let left = self.seen(&scope);
            let fits: Vec<&Seen> = other.columns.iter().filter(|c| c.kind == left.kind).collect();
            if fits.is_empty() || left.kind == Kind::Json {
                continue;
            }
            items[0].push(format!("{} AS x{i}", left.sql));
            items[1].push(self.dice.pick(&fits).sql.clone());
            columns.push((format!("x{i}"), left.kind));
        }
        if columns.is_empty() {
            items[0].push(format!("{} AS x0", scope.ids[0]));
            items[1].push(other.ids[0].clone());
            columns.push(("x0".to_owned(), Kind::Int));
        }
        let word = *self.dice.pick(&["UNION", "UNION", "UNION ALL", "UNION ALL", "INTERSECT", "EXCEPT"]);
        let (first, second) = (self.where_(&scope, 1), self.where_(&other, 1));
        let sql = format!(
            "SELECT {} FROM {from}{first} {word} SELECT {} FROM {other_from}{second}",
            items[0].join(", "),
            items[1].join(", ")
        );
        Made { sql, columns, plain: false }
    }

    /// Something that may stand in FROM.
    fn inner(&mut self) -> Made {
        let made = if self.dice.chance(50) { self.plain(1) } else { self.grouped(1) };
        if made.plain { made } else { self.plain_without_distinct() }
    }

    fn plain_without_distinct(&mut self) -> Made {
        let (from, scope) = self.from();
        let seen = self.seen(&scope);
        let sql = format!(
            "SELECT {} AS x0, {} AS x1 FROM {from}{}",
            seen.sql,
            scope.ids[0],
            self.where_(&scope, 1)
        );
        Made { sql, columns: vec![("x0".to_owned(), seen.kind), ("x1".to_owned(), Kind::Int)], plain: true }
    }

    fn over(&mut self, made: &Made, alias: &str) -> (String, Scope) {
        let columns = made.columns.iter();
        let columns: Vec<Seen> = columns
            .map(|(name, kind)| Seen { sql: format!("{alias}.{name}"), kind: *kind, values: Vec::new() })
            .collect();
        let items: Vec<String> =
            columns.iter().enumerate().map(|(i, c)| format!("{} AS y{i}", c.sql)).collect();
        (items.join(", "), Scope { columns, ids: Vec::new() })
    }

    fn outer_columns(made: &Made) -> Vec<(String, Kind)> {
        made.columns.iter().enumerate().map(|(i, (_, kind))| (format!("y{i}"), *kind)).collect()
    }

    fn over_derived(&mut self) -> Made {
        let made = self.inner();
        let (items, scope) = self.over(&made, "d");
        let (mut from, mut more) = (format!("({}) AS d", made.sql), String::new());
        if self.dice.chance(40) {
            let (right, other) = self.simple_from();
            let fits = scope
                .columns
                .iter()
                .any(|l| other.columns.iter().any(|r| r.kind.family() == l.kind.family()));
            if fits {
                let on = self.join_condition(&scope, &other);
                from = format!("{from} JOIN {right} ON {on}");
                more = format!(", {} AS z", other.ids[0]);
            }
        }
        let where_ = if self.dice.chance(40) { self.where_(&scope, 0) } else { String::new() };
        Made {
            sql: format!("SELECT {items}{more} FROM {from}{where_}"),
            columns: Self::outer_columns(&made),
            plain: false,
        }
    }

    fn over_cte(&mut self) -> Made {
        let made = self.inner();
        let (items, scope) = self.over(&made, "q");
        let where_ = if self.dice.chance(40) { self.where_(&scope, 0) } else { String::new() };
        let sql = format!("WITH q AS ({}) SELECT {items} FROM q{where_}", made.sql);
        Made { sql, columns: Self::outer_columns(&made), plain: false }
    }
}
