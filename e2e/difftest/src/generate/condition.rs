//! Generated conditions.

use super::{
    read::{Reader, Scope, Seen},
    values::Kind,
};

const COMPARISONS: &[&str] = &["=", "=", "=", "<", "<=", ">", ">=", "<>", "<=>"];

impl Reader<'_> {
    /// A condition on the columns in scope.
    pub fn condition(&mut self, scope: &Scope, depth: usize) -> String {
        match self.dice.weighted(&[40, 12, 10, 8, 8, 10, if depth > 0 { 14 } else { 0 }]) {
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
            _ if left.kind == Kind::Int && self.dice.chance(15) => {
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

    fn with_subquery(&mut self, scope: &Scope, depth: usize) -> String {
        let outer = self.seen(scope);
        let (from, inner) = self.simple_from();
        let same: Vec<Seen> =
            inner.columns.iter().filter(|c| c.kind.family() == outer.kind.family()).cloned().collect();
        let correlated = self.dice.chance(50);
        let link = same.first().map(|c| format!("{} = {}", c.sql, outer.sql)).filter(|_| correlated);
        let condition = match (link, self.dice.chance(60)) {
            (Some(link), true) => format!("{link} AND {}", self.condition(&inner, depth - 1)),
            (Some(link), false) => link,
            (None, _) => self.condition(&inner, depth - 1),
        };
        let not = if self.dice.chance(35) { "NOT " } else { "" };
        if same.is_empty() || self.dice.chance(35) {
            return format!("{not}EXISTS (SELECT 1 FROM {from} WHERE {condition})");
        }
        let column = self.dice.pick(&same).sql.clone();
        match self.dice.below(4) {
            0 | 1 => format!("{} {not}IN (SELECT {column} FROM {from} WHERE {condition})", outer.sql),
            2 => {
                let op = *self.dice.pick(&["=", "<", ">", "<=", ">=", "<>"]);
                let which = *self.dice.pick(&["ANY", "ALL"]);
                format!("{} {op} {which} (SELECT {column} FROM {from} WHERE {condition})", outer.sql)
            }
            _ => {
                let op = *self.dice.pick(&["=", "<", ">", "<=", ">="]);
                let function = *self.dice.pick(&["MIN", "MAX"]);
                format!("{} {op} (SELECT {function}({column}) FROM {from} WHERE {condition})", outer.sql)
            }
        }
    }
}
