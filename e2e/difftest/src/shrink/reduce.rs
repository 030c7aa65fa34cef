//! Smaller statements from a statement: each reduction takes one part of the tree away.

use sqlast::{
    Rewriter, Walk,
    ast::{Expr, InList, InsertSource, Literal, Query, QueryBody, Select, Statement, TableExpr},
};

/// The statement with its `n`th reduction done, counted over the whole tree; none when there are fewer.
pub fn nth(statement: &Statement, n: usize) -> Option<Statement> {
    let mut smaller = statement.clone();
    let mut reducer = Reducer { left: n, done: false };
    reducer.statement(&mut smaller);
    if !reducer.done {
        smaller.rewrite(&mut reducer);
    }
    reducer.done.then_some(smaller)
}

struct Reducer {
    left: usize,
    done: bool,
}

impl Reducer {
    /// Whether the reduction that is asked about is the one to do.
    fn now(&mut self) -> bool {
        if self.done {
            return false;
        }
        self.done = self.left == 0;
        self.left = self.left.saturating_sub(1);
        self.done
    }

    fn take<T>(&mut self, part: &mut Option<T>) {
        if part.is_some() && self.now() {
            *part = None;
        }
    }

    /// Each item away, down to `least`.
    fn items<T>(&mut self, items: &mut Vec<T>, least: usize) {
        let mut at = 0;
        while items.len() > least && at < items.len() {
            if self.now() {
                items.remove(at);
                return;
            }
            at += 1;
        }
    }

    fn statement(&mut self, statement: &mut Statement) {
        match statement {
            Statement::Update(update) => {
                self.take(&mut update.limit);
                self.items(&mut update.order_by, 0);
                self.take(&mut update.where_);
                self.items(&mut update.set, 1);
            }
            Statement::Delete(delete) => {
                self.take(&mut delete.limit);
                self.items(&mut delete.order_by, 0);
                self.take(&mut delete.where_);
            }
            Statement::Insert(insert) => {
                self.items(&mut insert.on_duplicate, 0);
                if let InsertSource::Values(rows) = &mut insert.source {
                    self.items(rows, 1);
                }
            }
            _ => {}
        }
    }

    fn body(&mut self, body: &mut QueryBody) {
        let part = match body {
            QueryBody::SetOperation(set) => {
                if self.now() {
                    Some(set.first.clone())
                } else if self.now() {
                    set.rest.last().map(|r| r.right.clone())
                } else {
                    None
                }
            }
            _ => None,
        };
        if let Some(part) = part {
            *body = part;
        }
    }

    fn expr(&mut self, expr: &mut Expr) {
        let parts: Vec<Expr> = match expr {
            Expr::Literal(_) | Expr::Column(_) | Expr::Star => return,
            Expr::And(list) | Expr::Or(list) => {
                if list.len() > 2 {
                    self.items(list, 2);
                }
                list.clone()
            }
            Expr::Unary(unary) => vec![unary.expr.clone()],
            Expr::Binary(binary) => vec![binary.left.clone(), binary.right.clone()],
            Expr::Cast(cast) => vec![cast.expr.clone()],
            Expr::In(list) => {
                if let InList::List(items) = &mut list.list {
                    self.items(items, 1);
                }
                Vec::new()
            }
            Expr::Func(call) => {
                if call.distinct && self.now() {
                    call.distinct = false;
                }
                if let Some(over) = &mut call.over
                    && let sqlast::ast::OverWindow::Spec(spec) = &mut over.window
                {
                    self.items(&mut spec.partition_by, 0);
                    self.take(&mut spec.frame);
                }
                call.args.iter().filter(|a| !matches!(a, Expr::Star)).cloned().collect()
            }
            _ => Vec::new(),
        };
        for part in parts.into_iter().chain([Expr::Literal(Literal::Integer("1".into()))]) {
            if self.now() {
                *expr = part;
                return;
            }
        }
    }
}

impl Rewriter for Reducer {
    fn enter_query(&mut self, query: &mut Query) -> bool {
        self.take(&mut query.limit);
        self.items(&mut query.order_by, 0);
        self.take(&mut query.with);
        self.body(&mut query.body);
        !self.done
    }

    fn enter_select(&mut self, select: &mut Select) -> bool {
        self.take(&mut select.having);
        self.take(&mut select.where_);
        if select.distinct && self.now() {
            select.distinct = false;
        }
        self.take(&mut select.group_by);
        if let Some(group_by) = &mut select.group_by {
            if group_by.with_rollup && self.now() {
                group_by.with_rollup = false;
            }
            self.items(&mut group_by.exprs, 1);
        }
        self.items(&mut select.items, 1);
        self.items(&mut select.from, 1);
        !self.done
    }

    fn enter_table_expr(&mut self, table: &mut TableExpr) -> bool {
        if let TableExpr::Join(join) = table {
            let side = if self.now() {
                Some(join.left.clone())
            } else if self.now() {
                Some(join.right.clone())
            } else {
                None
            };
            if let Some(side) = side {
                *table = side;
            }
        }
        !self.done
    }

    fn enter_expr(&mut self, expr: &mut Expr) -> bool {
        self.expr(expr);
        !self.done
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqlast::{ParseOptions, parse, to_sql};

    #[test]
    fn every_reduction_takes_something_away_and_they_end() {
        let sql = "select distinct a, b + 1 from t join u on t.i = u.i where a = 1 and not (b > 2) group by a, b \
                   having count(distinct c) > 1 order by a limit 2";
        let tree = parse(sql.as_bytes(), &ParseOptions::default()).unwrap();
        let smaller: Vec<String> =
            (0..).map_while(|n| nth(&tree, n)).map(|s| String::from_utf8(to_sql(&s)).unwrap()).collect();
        assert!(smaller.len() > 15, "{smaller:#?}");
        assert!(smaller.iter().all(|s| s != sql));
        assert!(smaller.iter().any(|s| !s.contains("limit") && s.contains("order by")));
        assert!(smaller.iter().any(|s| s.contains("from t where")), "{smaller:#?}");
        assert!(smaller.iter().any(|s| s.contains("where b > 2") || s.contains("and b > 2")), "{smaller:#?}");
    }
}
