//! Generated queries over queries: unions, derived tables, CTEs, subqueries that give a value.

use super::{Made, Reader, Scope, Seen, from};
use crate::generate::values::Kind;

impl Reader<'_> {
    /// A subquery that gives one value, half of them of the row outside.
    pub(super) fn scalar(&mut self, outer: &Scope) -> (String, Kind) {
        let (from, inner) = if self.dice.chance(75) { self.simple_from() } else { self.from() };
        let mut wheres = inner.wheres.clone();
        let links = from::links(&inner, outer);
        if !links.is_empty() && self.dice.chance(55) {
            wheres.push(self.dice.pick(&links).clone());
        }
        if wheres.is_empty() || self.dice.chance(40) {
            wheres.push(self.condition(&inner, 0));
        }
        let condition = wheres.join(" AND ");
        // Which of several equal texts is the smallest is open.
        let fits = |c: &&Seen| c.kind != Kind::Json && !c.kind.is_text();
        let columns: Vec<Seen> = inner.columns.iter().filter(fits).cloned().collect();
        let column = self.dice.pick(&columns).clone();
        let (item, kind) = match self.dice.below(4) {
            0 | 1 => ("COUNT(*)".to_owned(), Kind::Int),
            2 => (format!("MIN({})", column.sql), column.kind),
            _ => (format!("MAX({})", column.sql), column.kind),
        };
        (format!("(SELECT {item} FROM {from} WHERE {condition})"), kind)
    }

    /// Two queries of the same columns, sometimes three.
    pub(super) fn union(&mut self) -> Made {
        let count = 2 + usize::from(self.dice.chance(20));
        let parts: Vec<(String, Scope)> = (0..count).map(|_| self.from()).collect();
        let mut items = vec![Vec::new(); count];
        let mut columns = Vec::new();
        for i in 0..1 + self.dice.below(3) {
            let first = self.seen(&parts[0].1);
            let fits = |scope: &Scope| -> Vec<String> {
                scope.columns.iter().filter(|c| c.kind == first.kind).map(|c| c.sql.clone()).collect()
            };
            let others: Vec<Vec<String>> = parts[1..].iter().map(|(_, scope)| fits(scope)).collect();
            if others.iter().any(Vec::is_empty) || first.kind == Kind::Json {
                continue;
            }
            items[0].push(format!("{} AS x{i}", first.sql));
            for (at, others) in others.iter().enumerate() {
                items[at + 1].push(self.dice.pick(others).clone());
            }
            columns.push((format!("x{i}"), first.kind));
        }
        if columns.is_empty() {
            for (at, (_, scope)) in parts.iter().enumerate() {
                items[at].push(format!("{}{}", scope.ids[0], if at == 0 { " AS x0" } else { "" }));
            }
            columns.push(("x0".to_owned(), Kind::Int));
        }
        let mut sql = String::new();
        for (at, (from, scope)) in parts.iter().enumerate() {
            if at > 0 {
                let word =
                    *self.dice.pick(&["UNION", "UNION", "UNION ALL", "UNION ALL", "INTERSECT", "EXCEPT"]);
                sql.push_str(&format!(" {word} "));
            }
            let where_ = self.where_(scope, 1);
            let select = format!("SELECT {} FROM {from}{where_}", items[at].join(", "));
            // A part of its own order and limit; one table's ids tell its rows apart.
            match scope.ids.len() == 1 && self.dice.chance(12) {
                true => {
                    let count = 1 + self.dice.below(5);
                    sql.push_str(&format!("({select} ORDER BY {} LIMIT {count})", scope.ids[0]));
                }
                false => sql.push_str(&select),
            }
        }
        Made { sql, columns, plain: false }
    }

    /// Something that may stand in FROM.
    fn inner(&mut self) -> Made {
        match self.dice.weighted(&[42, 34, 12, 12]) {
            0 => self.plain(1),
            1 => self.grouped(1),
            2 => self.limited(),
            _ => self.union(),
        }
    }

    /// Like [`Self::inner`], and further worked on.
    fn inner_plain(&mut self) -> Made {
        let made = self.inner();
        if made.plain { made } else { self.plain_without_distinct() }
    }

    fn plain_without_distinct(&mut self) -> Made {
        let (from, scope) = self.from();
        let seen = self.seen(&scope);
        let where_ = self.where_(&scope, 1);
        let sql = format!("SELECT {} AS x0, {} AS x1 FROM {from}{where_}", seen.sql, scope.ids[0]);
        Made { sql, columns: vec![("x0".to_owned(), seen.kind), ("x1".to_owned(), Kind::Int)], plain: true }
    }

    /// The first rows of one table by its ids.
    fn limited(&mut self) -> Made {
        let (from, scope) = self.simple_from();
        let seen = self.seen(&scope);
        let (where_, id) = (self.where_(&scope, 0), &scope.ids[0]);
        let desc = if self.dice.chance(40) { " DESC" } else { "" };
        let count = 1 + self.dice.below(8);
        let sql = format!(
            "SELECT {} AS x0, {id} AS x1 FROM {from}{where_} ORDER BY {id}{desc} LIMIT {count}",
            seen.sql
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
        (items.join(", "), Scope { columns, ..Scope::default() })
    }

    fn outer_columns(made: &Made) -> Vec<(String, Kind)> {
        made.columns.iter().enumerate().map(|(i, (_, kind))| (format!("y{i}"), *kind)).collect()
    }

    /// Joins a table to it, half of the time.
    fn joined(&mut self, from: String, scope: Scope) -> (String, Scope, String) {
        if self.dice.chance(50) {
            return (from, scope, String::new());
        }
        let (right, other) = self.simple_from();
        let on = self.join_condition(&scope, &other);
        let more = format!(", {} AS z", other.ids[0]);
        let kind = *self.dice.pick(&["JOIN", "JOIN", "LEFT JOIN"]);
        match self.dice.chance(70) {
            true => {
                let mut scope = scope;
                scope.columns.extend(other.columns);
                (format!("{from} {kind} {right} ON {on}"), scope, more)
            }
            false => (format!("{right} {kind} {from} ON {on}"), scope, more),
        }
    }

    pub(super) fn over_derived(&mut self) -> Made {
        let made = self.inner_plain();
        let (items, scope) = self.over(&made, "d");
        let (from, scope, more) = self.joined(format!("({}) AS d", made.sql), scope);
        let where_ = if self.dice.chance(40) { self.where_(&scope, 0) } else { String::new() };
        Made {
            sql: format!("SELECT {items}{more} FROM {from}{where_}"),
            columns: Self::outer_columns(&made),
            plain: false,
        }
    }

    pub(super) fn over_cte(&mut self) -> Made {
        let made = self.inner_plain();
        let (items, scope) = self.over(&made, "q");
        let (from, scope, more) = self.joined("q".to_owned(), scope);
        let where_ = if self.dice.chance(40) { self.where_(&scope, 0) } else { String::new() };
        let sql = format!("WITH q AS ({}) SELECT {items}{more} FROM {from}{where_}", made.sql);
        Made { sql, columns: Self::outer_columns(&made), plain: false }
    }

    /// Groups of a derived table's rows. Of a set operation's texts only one of several equal ones is left, and
    /// which is open, so nothing but their number is asked for.
    pub(super) fn grouped_derived(&mut self) -> Made {
        let made = self.inner();
        let (_, mut scope) = self.over(&made, "d");
        scope.columns.retain(|c| made.plain || !(c.kind.is_text() || c.kind == Kind::Double));
        let from = format!("({}) AS d", made.sql);
        if scope.columns.is_empty() {
            let columns = vec![("x0".to_owned(), Kind::Int)];
            return Made { sql: format!("SELECT COUNT(*) AS x0 FROM {from}"), columns, plain: true };
        }
        let (from, scope, _) = self.joined(from, scope);
        self.grouped_of(&from, &scope, 0)
    }
}
