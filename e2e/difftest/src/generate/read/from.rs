//! What generated queries read from: tables, joins of every form, and what joins them.

use super::{Reader, Scope, Seen};
use crate::generate::values::{Collation, Family, Kind};

impl Reader<'_> {
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
        let scope = Scope { columns, ids: vec![format!("{alias}.id")], wheres: Vec::new() };
        (format!("{name} AS {alias}"), scope)
    }

    /// One to four tables, joined.
    pub(in crate::generate) fn from(&mut self) -> (String, Scope) {
        let (mut sql, mut scope) = self.simple_from();
        for _ in 0..self.dice.weighted(&[46, 38, 13, 3]) {
            (sql, scope) = self.join((sql, scope));
        }
        (sql, scope)
    }

    /// One table more.
    fn join(&mut self, (left_sql, left): (String, Scope)) -> (String, Scope) {
        let (mut right_sql, mut right) = self.simple_from();
        if self.dice.chance(6) {
            let (third_sql, third) = self.simple_from();
            let on = self.join_condition(&right, &third);
            right_sql =
                format!("({right_sql} {} {third_sql} ON {on})", self.dice.pick(&["JOIN", "LEFT JOIN"]));
            right = both(right, third);
        }
        let on = self.join_condition(&left, &right);
        let using = right.ids.len() == 1 && left.ids.len() == 1 && self.dice.chance(5);
        let mut scope = both(left, right);
        let outer = *self.dice.pick(&["LEFT JOIN", "LEFT JOIN", "LEFT JOIN", "RIGHT JOIN"]);
        let kind = match self.dice.weighted(&[42, 42, 8, 8]) {
            0 => "JOIN",
            1 => outer,
            2 => "STRAIGHT_JOIN",
            _ => {
                // Where NULLs were put in by an outer join, WHERE is another place than ON.
                scope.wheres.push(on);
                return (format!("{left_sql} CROSS JOIN {right_sql}"), scope);
            }
        };
        if using {
            return (format!("{left_sql} {} {right_sql} USING (id)", kind.replace("STRAIGHT_", "")), scope);
        }
        let more = match self.dice.chance(20) {
            true => format!(" AND {}", self.condition(&scope, 0)),
            false => String::new(),
        };
        (format!("{left_sql} {kind} {right_sql} ON {on}{more}"), scope)
    }

    /// A comparison of a column on the left with one on the right.
    pub(in crate::generate) fn join_condition(&mut self, left: &Scope, right: &Scope) -> String {
        let mut pairs = Vec::new();
        let mut mixed = Vec::new();
        for l in &left.columns {
            for r in &right.columns {
                match same_family(l, r) {
                    true => pairs.push((l.clone(), r.clone())),
                    false if self.is_strict => {}
                    false => mixed.extend(converted(l, r).map(|(left, right)| format!("{left} = {right}"))),
                }
            }
        }
        if pairs.is_empty() || (!mixed.is_empty() && self.dice.chance(8)) {
            return if mixed.is_empty() { "1 = 1".to_owned() } else { self.dice.pick(&mixed).clone() };
        }
        // Keys are named id and k: half of the joins are on these.
        let is_key = |c: &Seen| c.sql.ends_with(".id") || c.sql.ends_with(".k");
        let keys: Vec<_> = pairs.iter().filter(|(l, r)| is_key(l) && is_key(r)).cloned().collect();
        let (l, r) = match !keys.is_empty() && self.dice.chance(55) {
            true => self.dice.pick(&keys),
            false => self.dice.pick(&pairs),
        };
        let op = match self.dice.weighted(&[84, 6, 10]) {
            0 => "=",
            1 => "<=>",
            _ => *self.dice.pick(&["<", ">=", "<>"]),
        };
        let first = format!("{} {op} {}", l.sql, r.sql);
        match self.dice.chance(10) {
            true => {
                let (l, r) = self.dice.pick(&pairs);
                format!("{first} AND {} = {}", l.sql, r.sql)
            }
            false => first,
        }
    }

    pub fn seen(&mut self, scope: &Scope) -> Seen {
        self.dice.pick(&scope.columns).clone()
    }

    pub fn column(&mut self, scope: &Scope) -> String {
        self.seen(scope).sql
    }

    /// Another column that it may be compared with.
    pub fn like(&mut self, scope: &Scope, column: &Seen) -> Option<String> {
        let fits = |c: &&Seen| same_family(c, column) && c.sql != column.sql;
        let others: Vec<&Seen> = scope.columns.iter().filter(fits).collect();
        if others.is_empty() { None } else { Some(self.dice.pick(&others).sql.clone()) }
    }
}

fn both(mut left: Scope, right: Scope) -> Scope {
    left.columns.extend(right.columns);
    left.ids.extend(right.ids);
    left.wheres.extend(right.wheres);
    left
}

/// Whether two columns are compared as they are.
pub(in crate::generate) fn same_family(left: &Seen, right: &Seen) -> bool {
    left.kind.family() == right.kind.family()
}

/// Comparisons of a subquery's columns with those outside.
pub(in crate::generate) fn links(inner: &Scope, outer: &Scope) -> Vec<String> {
    let mut all = Vec::new();
    for i in &inner.columns {
        let same = outer.columns.iter().filter(|o| same_family(i, o));
        all.extend(same.map(|o| format!("{} = {}", i.sql, o.sql)));
    }
    all
}

/// Two columns of different types as they may be compared: MySQL converts one of them, or is told to.
fn converted(left: &Seen, right: &Seen) -> Option<(String, String)> {
    let as_they_are = Some((left.sql.clone(), right.sql.clone()));
    match (left.kind.family(), right.kind.family()) {
        (Family::Number, Family::Text(_)) | (Family::Text(_), Family::Number) => as_they_are,
        (Family::Text(Collation::Latin1), Family::Text(_)) => as_they_are,
        (Family::Text(_), Family::Text(Collation::Latin1)) => as_they_are,
        (Family::Text(_), Family::Bytes) | (Family::Bytes, Family::Text(_)) => as_they_are,
        (Family::Enum, Family::Text(Collation::Ai)) => as_they_are,
        (Family::Text(a), Family::Text(_)) => {
            let sql = format!("{} COLLATE {}", right.sql, Kind::Text(a).collation()?);
            Some((left.sql.clone(), sql))
        }
        _ => None,
    }
}
