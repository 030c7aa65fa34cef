//! Generated conditions.

use super::{
    read::{
        Reader, Scope, Seen,
        from::{links, same_family},
    },
    values::{Family, Kind},
};

const COMPARISONS: &[&str] = &["=", "=", "=", "<", "<=", ">", ">=", "<>", "<=>"];

impl Reader<'_> {
    /// A condition on the columns in scope.
    pub fn condition(&mut self, scope: &Scope, depth: usize) -> String {
        match self.dice.weighted(&[36, 12, 10, 8, 8, 10, 5, 2, if depth > 0 { 16 } else { 0 }]) {
            0 => self.comparison(scope),
            1 => {
                let word = *self.dice.pick(&["AND", "OR", "AND", "OR", "XOR"]);
                let (a, b) = (self.condition(scope, depth), self.condition(scope, depth));
                format!("({a} {word} {b})")
            }
            2 => {
                let column = self.column(scope);
                format!("{column} IS {}NULL", if self.dice.chance(60) { "NOT " } else { "" })
            }
            3 => format!("NOT ({})", self.comparison(scope)),
            4 => {
                let column = self.seen(scope);
                let (low, high) = (self.literal_of(&column), self.literal_of(&column));
                format!("{} BETWEEN {low} AND {high}", column.sql)
            }
            5 => self.in_list(scope),
            6 => self.tuples(scope),
            7 => {
                // A number is a condition, too.
                let seen = self.seen(scope);
                if seen.kind.family() == Family::Number { seen.sql } else { self.comparison(scope) }
            }
            _ => self.with_subquery(scope, depth),
        }
    }

    fn comparison(&mut self, scope: &Scope) -> String {
        let left = self.seen(scope);
        let op = *self.dice.pick(COMPARISONS);
        let other = self.like(scope, &left);
        match other {
            Some(other) if self.dice.chance(25) => format!("{} {op} {other}", left.sql),
            _ if left.kind.is_text() && self.dice.chance(20) => {
                let pattern = *self.dice.pick(&["'a%'", "'%b'", "'_'", "'%'", "'A_'"]);
                format!("{} LIKE {pattern}", left.sql)
            }
            // MySQL puts equal columns in each other's place, in an addition, too; whether a large one comes there and is too
            // large then depends on its plan.
            _ if left.kind == Kind::Int
                && !scope.columns.iter().any(|c| c.kind == Kind::Unsigned)
                && self.dice.chance(15) =>
            {
                format!("{} + {} {op} {}", left.sql, self.dice.below(5), self.literal_of(&left))
            }
            _ => format!("{} {op} {}", left.sql, self.literal_of(&left)),
        }
    }

    fn in_list(&mut self, scope: &Scope) -> String {
        let column = self.seen(scope);
        let count = 1 + self.dice.below(4);
        let list: Vec<String> = (0..count).map(|_| self.literal_of(&column)).collect();
        let not = if self.dice.chance(25) { "NOT " } else { "" };
        format!("{} {not}IN ({})", column.sql, list.join(", "))
    }

    /// The keys of a row of each table, so that each is on one shard.
    pub(super) fn one_row_of_each(&mut self, scope: &Scope) -> Vec<String> {
        let mut all = Vec::new();
        for id in &scope.ids {
            let of = |name: &str| scope.columns.iter().find(|c| c.sql == *name).cloned();
            let (Some(id), Some(k)) = (of(id), of(&id.replace(".id", ".k"))) else { continue };
            // The key is not NULL, so that both lists are of the same rows.
            if !id.values.is_empty() && id.values.len() == k.values.len() {
                let at = self.dice.below(id.values.len());
                all.push(format!("{} = {}", k.sql, k.values[at]));
                if self.dice.chance(60) {
                    all.push(format!("{} = {}", id.sql, id.values[at]));
                }
            }
        }
        all
    }

    /// Whether there is a row of another table with an equal value, and no more: vtgate can do such a join itself.
    pub(super) fn semi(&mut self, scope: &Scope) -> Option<String> {
        let (from, inner) = self.simple_from();
        let links = links(&inner, scope);
        if links.is_empty() {
            return None;
        }
        let link = self.dice.pick(&links).clone();
        let more = match self.dice.chance(40) {
            true => format!(" AND {}", self.comparison(&inner)),
            false => String::new(),
        };
        let not = if self.dice.chance(50) { "NOT " } else { "" };
        let (own, outer) = link.split_once(" = ")?;
        Some(match self.dice.below(4) {
            0 => format!("{outer} IN (SELECT {own} FROM {from} WHERE {}{more})", self.dice.pick(&links)),
            1 => format!("{outer} {not}IN (SELECT {own} FROM {from} WHERE {own} IS NOT NULL{more})"),
            _ => format!("{not}EXISTS (SELECT 1 FROM {from} WHERE {link}{more})"),
        })
    }

    /// Two columns of one table at once, among them its keys.
    fn tuples(&mut self, scope: &Scope) -> String {
        let keys: Vec<&Seen> = scope.columns.iter().filter(|c| c.sql.ends_with(".id")).collect();
        let Some(id) = keys.first() else { return self.comparison(scope) };
        let table = id.sql.trim_end_matches(".id");
        let Some(k) = scope.columns.iter().find(|c| c.sql == format!("{table}.k")) else {
            return self.comparison(scope);
        };
        let (id, k) = ((*id).clone(), k.clone());
        let count = 1 + self.dice.below(3);
        let mut tuple = || {
            // Both of one row, mostly.
            let rows = id.values.len().min(k.values.len());
            match rows > 0 && self.dice.chance(75) {
                true => {
                    let at = self.dice.below(rows);
                    (k.values[at].clone(), id.values[at].clone())
                }
                false => (self.literal_of(&k), self.literal_of(&id)),
            }
        };
        let tuples: Vec<(String, String)> = (0..count).map(|_| tuple()).collect();
        match tuples.as_slice() {
            [(a, b)] => format!("({} = {a} AND {} = {b})", k.sql, id.sql),
            many => {
                let list: Vec<String> = many.iter().map(|(a, b)| format!("({a}, {b})")).collect();
                format!("({}, {}) IN ({})", k.sql, id.sql, list.join(", "))
            }
        }
    }

    fn with_subquery(&mut self, scope: &Scope, depth: usize) -> String {
        let outer = self.seen(scope);
        let (from, inner) = if self.dice.chance(78) { self.simple_from() } else { self.from() };
        let same: Vec<Seen> = inner.columns.iter().filter(|c| same_family(c, &outer)).cloned().collect();
        let mut wheres = inner.wheres.clone();
        let links = links(&inner, scope);
        if !links.is_empty() && self.dice.chance(50) {
            wheres.push(self.dice.pick(&links).clone());
        }
        if wheres.is_empty() || self.dice.chance(55) {
            wheres.push(self.condition(&inner, depth - 1));
        }
        let condition = wheres.join(" AND ");
        let not = if self.dice.chance(35) { "NOT " } else { "" };
        if same.is_empty() || self.dice.chance(30) {
            return format!("{not}EXISTS (SELECT 1 FROM {from} WHERE {condition})");
        }
        let column = self.dice.pick(&same).sql.clone();
        match self.dice.below(11) {
            0..=4 => format!("{} {not}IN (SELECT {column} FROM {from} WHERE {condition})", outer.sql),
            5 => {
                // Rows of two columns.
                let second = self.seen(scope);
                let fits: Vec<Seen> =
                    inner.columns.iter().filter(|c| same_family(c, &second)).cloned().collect();
                if fits.is_empty() {
                    return format!("{not}EXISTS (SELECT 1 FROM {from} WHERE {condition})");
                }
                let other = self.dice.pick(&fits).sql.clone();
                format!(
                    "({}, {}) {not}IN (SELECT {column}, {other} FROM {from} WHERE {condition})",
                    outer.sql, second.sql
                )
            }
            6 | 7 => {
                let op = *self.dice.pick(&["=", "<", ">", "<=", ">=", "<>"]);
                let which = *self.dice.pick(&["ANY", "ALL"]);
                format!("{} {op} {which} (SELECT {column} FROM {from} WHERE {condition})", outer.sql)
            }
            _ => {
                let op = *self.dice.pick(&["=", "<", ">", "<=", ">=", "<=>"]);
                let function = *self.dice.pick(&["MIN", "MAX"]);
                format!("{} {op} (SELECT {function}({column}) FROM {from} WHERE {condition})", outer.sql)
            }
        }
    }
}
