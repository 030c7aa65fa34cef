//! VEXPLAIN KEYS: which columns a statement groups by, joins by, filters by and selects: what an operator looks
//! at who chooses vindexes and indexes. The names in the answer are Vitess's.
//!
//! Only columns of tables count whose table is certain.

use std::{collections::BTreeSet, sync::Arc};

use serde::Serialize;
use sqlast::{
    Visit, Visitor, Walk,
    ast::{
        ColName, ComparisonOp, Expr, Ident, JoinCondition, Query, Select, SelectItem, Statement, TableExpr,
        TableName,
    },
};
use vschema::Table;
use vterrors::{Error, Result};

use crate::{PlanContext, context::is_system_schema, semantics::conjuncts};

/// The columns of a statement by their use, each once, in order; `table.column` and the operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
#[serde(rename_all = "camelCase")]
pub struct Keys {
    pub statement_type: String,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub grouping_columns: BTreeSet<String>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub join_columns: BTreeSet<String>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub filter_columns: BTreeSet<String>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub select_columns: BTreeSet<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub join_predicates: Vec<String>,
}

/// The keys of a SELECT, UPDATE, DELETE or INSERT ... SELECT.
pub fn keys(statement: &Statement, ctx: &PlanContext<'_>) -> Result<Keys> {
    let statement_type = match statement {
        Statement::Query(_) => "SELECT",
        Statement::Insert(insert) if insert.replace => "REPLACE",
        Statement::Insert(_) => "INSERT",
        Statement::Update(_) => "UPDATE",
        Statement::Delete(_) => "DELETE",
        _ => return Err(Error::unsupported("VEXPLAIN KEYS of a statement that reads no rows")),
    };
    let keys = Keys { statement_type: statement_type.to_owned(), ..Keys::default() };
    let mut finder = Finder { ctx, scopes: Vec::new(), keys };
    let changed = match statement {
        Statement::Update(update) => Some((&update.tables, &update.where_)),
        Statement::Delete(delete) => Some((&delete.tables, &delete.where_)),
        _ => None,
    };
    if let Some((tables, condition)) = changed {
        finder.enter(tables);
        finder.joins(tables);
        finder.conditions(condition.as_ref());
    }
    statement.walk(&mut finder);
    Ok(finder.keys)
}

/// A table of a FROM: its alias, and itself where it is a base table.
type Named = (Ident, Option<Arc<Table>>);

struct Finder<'a> {
    ctx: &'a PlanContext<'a>,
    /// The tables of the blocks around the place we are at, the innermost last.
    scopes: Vec<Vec<Named>>,
    keys: Keys,
}

impl Finder<'_> {
    fn enter(&mut self, tables: &[TableExpr]) {
        let mut scope = Vec::new();
        tables.iter().for_each(|table| self.collect(table, &mut scope));
        self.scopes.push(scope);
    }

    fn collect(&self, table: &TableExpr, out: &mut Vec<Named>) {
        match table {
            TableExpr::Table(table) => {
                let alias = table.alias.clone().unwrap_or_else(|| table.name.name.clone());
                let qualifier = table.name.qualifier.as_ref();
                let system = qualifier.is_some_and(|q| is_system_schema(q.as_bytes()));
                let found = (!system).then(|| self.ctx.table(&table.name).ok()).flatten();
                out.push((alias, found));
            }
            TableExpr::Derived(derived) => out.extend(derived.alias.clone().map(|alias| (alias, None))),
            TableExpr::JsonTable(json) => out.push((json.alias.clone(), None)),
            TableExpr::Join(join) => {
                self.collect(&join.left, out);
                self.collect(&join.right, out);
            }
            TableExpr::List(tables) => tables.iter().for_each(|t| self.collect(t, out)),
        }
    }

    /// Which reference a column is of (block, place), and its name with its table's.
    fn column(&self, name: &ColName) -> Option<((usize, usize), String)> {
        for (depth, scope) in self.scopes.iter().enumerate().rev() {
            let place = match name.qualifier.as_deref() {
                Some(TableName { name: alias, .. }) => scope.iter().position(|(a, _)| a == alias),
                None => only_with(scope, &name.name.to_string_lossy()),
            };
            if let Some(place) = place {
                let table = scope[place].1.as_ref()?;
                let column = ColName {
                    qualifier: Some(Box::new(TableName::unqualified(table.name.as_str()))),
                    name: name.name.clone(),
                };
                let text = sqlast::to_sql(&Expr::Column(column));
                return Some(((depth, place), String::from_utf8_lossy(&text).into_owned()));
            }
        }
        None
    }

    fn column_of(&self, expr: &Expr) -> Option<((usize, usize), String)> {
        match expr {
            Expr::Column(name) => self.column(name),
            _ => None,
        }
    }

    fn conditions(&mut self, condition: Option<&Expr>) {
        for condition in condition.into_iter().flat_map(conjuncts) {
            match condition {
                Expr::Comparison(c) => self.comparison(&c.left, c.op, &c.right),
                Expr::In(c) => self.filter(&c.expr, if c.not { "not in" } else { "in" }),
                Expr::Like(c) => self.filter(&c.expr, if c.not { "not like" } else { "like" }),
                Expr::Between(c) if !c.not => {
                    self.filter(&c.expr, operator(ComparisonOp::GreaterEqual));
                    self.filter(&c.expr, operator(ComparisonOp::LessEqual));
                }
                _ => {}
            }
        }
    }

    fn filter(&mut self, expr: &Expr, operator: &str) {
        if let Some((_, column)) = self.column_of(expr) {
            self.keys.filter_columns.insert(format!("{column} {operator}"));
        }
    }

    fn comparison(&mut self, left: &Expr, op: ComparisonOp, right: &Expr) {
        let (own, other) = (self.column_of(left), self.column_of(right));
        let switched = match op {
            ComparisonOp::Less => ComparisonOp::Greater,
            ComparisonOp::LessEqual => ComparisonOp::GreaterEqual,
            ComparisonOp::Greater => ComparisonOp::Less,
            ComparisonOp::GreaterEqual => ComparisonOp::LessEqual,
            same => same,
        };
        let joins = matches!((&own, &other), (Some((a, _)), Some((b, _))) if a != b);
        if let (true, Some((_, a)), Some((_, b))) = (joins, &own, &other) {
            let predicate = format!("{a} {} {b}", operator(op));
            let turned = format!("{b} {} {a}", operator(switched));
            if ![predicate.clone(), turned].iter().any(|p| self.keys.join_predicates.contains(p)) {
                self.keys.join_predicates.push(predicate);
            }
        }
        for ((_, column), op) in own.map(|c| (c, op)).into_iter().chain(other.map(|c| (c, switched))) {
            let columns = if joins { &mut self.keys.join_columns } else { &mut self.keys.filter_columns };
            columns.insert(format!("{column} {}", operator(op)));
        }
    }

    fn joins(&mut self, tables: &[TableExpr]) {
        for table in tables {
            match table {
                TableExpr::Join(join) => {
                    self.joins(std::slice::from_ref(&join.left));
                    self.joins(std::slice::from_ref(&join.right));
                    if let Some(JoinCondition::On(condition)) = &join.condition {
                        self.conditions(Some(condition));
                    }
                }
                TableExpr::List(tables) => self.joins(tables),
                _ => {}
            }
        }
    }
}

/// The only reference that can have a column of this name.
fn only_with(scope: &[Named], column: &str) -> Option<usize> {
    let may = |(_, table): &Named| match table {
        Some(table) => table.column(column).is_some() || !table.column_list_authoritative,
        None => true,
    };
    let mut found = scope.iter().enumerate().filter(|(_, named)| may(named));
    match (found.next(), found.next()) {
        (Some((place, _)), None) => Some(place),
        _ => None,
    }
}

/// As Vitess names operators in JSON.
fn operator(op: ComparisonOp) -> &'static str {
    match op {
        ComparisonOp::Equal => "=",
        ComparisonOp::NullSafeEqual => "<=>",
        ComparisonOp::NotEqual => "ne",
        ComparisonOp::Less => "lt",
        ComparisonOp::LessEqual => "le",
        ComparisonOp::Greater => "gt",
        ComparisonOp::GreaterEqual => "ge",
    }
}

impl Visitor for Finder<'_> {
    fn enter_query(&mut self, _query: &Query) -> Visit {
        Visit::Into
    }

    fn enter_select(&mut self, select: &Select) -> Visit {
        self.enter(&select.from);
        self.joins(&select.from);
        self.conditions(select.where_.as_ref());
        self.conditions(select.having.as_ref());
        for item in select.group_by.iter().flat_map(|g| &g.exprs) {
            let column = self.column_of(&item.expr);
            self.keys.grouping_columns.extend(column.map(|(_, name)| name));
        }
        for item in &select.items {
            if let SelectItem::Expr(item) = item {
                let mut columns = Columns::default();
                item.expr.walk(&mut columns);
                let names: Vec<_> =
                    columns.0.iter().filter_map(|c| self.column(c)).map(|(_, name)| name).collect();
                self.keys.select_columns.extend(names);
            }
        }
        Visit::Into
    }

    fn leave_select(&mut self, _select: &Select) -> Visit {
        self.scopes.pop();
        Visit::Into
    }
}

/// The columns of an expression, those of its subqueries aside.
#[derive(Default)]
struct Columns(Vec<ColName>);

impl Visitor for Columns {
    fn enter_query(&mut self, _query: &Query) -> Visit {
        Visit::Over
    }

    fn enter_expr(&mut self, expr: &Expr) -> Visit {
        if let Expr::Column(name) = expr {
            self.0.push(name.clone());
        }
        Visit::Into
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proto::vschema as pb;
    use vschema::{VSchema, no_files};

    use super::*;

    fn told(sql: &str) -> serde_json::Value {
        let tables = ["user", "music"].map(|t| (t.to_owned(), pb::Table::default()));
        let keyspace = pb::Keyspace { tables: tables.into(), ..Default::default() };
        let all = pb::SrvVSchema { keyspaces: [("ks".to_owned(), keyspace)].into(), ..Default::default() };
        let column = |name: &&str| vschema::Column {
            name: (*name).into(),
            ty: None,
            collation: None,
            invisible: false,
            definition: None,
            generated: false,
            default: vschema::ColumnDefault::Unknown,
        };
        let tracked = |columns: &[&str]| vschema::TrackedTable {
            columns: columns.iter().map(column).collect(),
            unique_keys: Vec::new(),
            view: None,
        };
        let columns = BTreeMap::from([
            ("user".to_owned(), tracked(&["id", "foo", "name"])),
            ("music".to_owned(), tracked(&["id", "user_id", "bar"])),
        ]);
        let vschema = VSchema::new(&all, &no_files).with_tracked("ks", &columns);
        let ctx = PlanContext {
            vschema: &vschema,
            keyspace: Some("ks"),
            shard: None,
            tablet_type: vtmodel::TabletType::Primary,
            no_scatter: false,
            ignore_values: false,
            by_rows: false,
            gather: false,
            select_limit: None,
            sql_mode: sqlast::SqlMode::default(),
        };
        let statement = sqlast::parse(sql.as_bytes(), &sqlast::ParseOptions::default()).unwrap();
        serde_json::to_value(keys(&statement, &ctx).unwrap()).unwrap()
    }

    #[test]
    fn columns_by_their_use() {
        let sql = "select u.foo, count(m.bar) from user u join music m on u.id = m.user_id \
                   where name like 'a%' and m.bar > 5 and u.foo between 1 and 2 group by u.foo";
        let wanted = serde_json::json!({
            "statementType": "SELECT",
            "groupingColumns": ["user.foo"],
            "joinColumns": ["music.user_id =", "user.id ="],
            "filterColumns": ["music.bar gt", "user.foo ge", "user.foo le", "user.name like"],
            "selectColumns": ["music.bar", "user.foo"],
            "joinPredicates": ["user.id = music.user_id"],
        });
        let text = told(sql).to_string().replace('`', "");
        assert_eq!(text, wanted.to_string().replace('`', ""));
    }

    #[test]
    fn writes_and_subqueries() {
        let told = told(
            "delete from user where 5 < id and foo in (select bar from music where music.id = user.foo)",
        );
        assert_eq!(told["statementType"], "DELETE");
        let text = told.to_string().replace('`', "");
        assert!(text.contains(r#""filterColumns":["user.foo in","user.id gt"]"#), "{text}");
        assert!(text.contains(r#""joinPredicates":["music.id = user.foo"]"#), "{text}");
    }
}
