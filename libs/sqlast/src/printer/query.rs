//! Queries.

use super::Printer;
use crate::ast::*;

impl Printer {
    pub(crate) fn query(&mut self, query: &Query) {
        if let Some(with) = &query.with {
            self.with(with);
        }
        self.query_body(&query.body);
        self.order_by(&query.order_by);
        self.limit(query.limit.as_ref());
        for lock in &query.locks {
            self.lock(lock);
        }
        if let Some(into) = &query.into {
            self.into(into);
        }
    }

    pub(crate) fn paren_query(&mut self, query: &Query) {
        self.text("(");
        self.query(query);
        self.text(")");
    }

    /// `with x as (...) `, a space at the end.
    pub(crate) fn with(&mut self, with: &With) {
        self.text(if with.recursive { "with recursive " } else { "with " });
        self.list(&with.tables, |p, table| {
            p.ident(&table.name);
            if !table.columns.is_empty() {
                p.paren_list(&table.columns, |p, name| p.ident(name));
            }
            p.text(" as ");
            p.paren_query(&table.query);
        });
        self.text(" ");
    }

    fn query_body(&mut self, body: &QueryBody) {
        match body {
            QueryBody::Select(select) => self.select(select),
            QueryBody::SetOperation(operation) => self.set_operation(operation),
            QueryBody::Values(values) => {
                self.text("values");
                self.comments(&values.comments);
                self.text(" ");
                self.list(&values.rows, |p, row| {
                    p.text("row");
                    p.paren_list(row, |p, expr| p.expr(expr));
                });
            }
            QueryBody::Table(name) => {
                self.text("table ");
                self.table_name(name);
            }
            QueryBody::Nested(query) => self.paren_query(query),
        }
    }

    fn set_operation(&mut self, operation: &SetOperation) {
        let intersects = |operation: &SetOperation| {
            operation.rest.iter().any(|operand| operand.op.kind == SetOperatorKind::Intersect)
        };
        let outer = intersects(operation);
        // Only INTERSECTs may stand without parentheses in a list of UNIONs and EXCEPTs.
        let parens =
            |body: &QueryBody| matches!(body, QueryBody::SetOperation(inner) if outer || !intersects(inner));
        self.operand(&operation.first, parens(&operation.first));
        for operand in &operation.rest {
            self.text(match operand.op.kind {
                SetOperatorKind::Union => " union ",
                SetOperatorKind::Except => " except ",
                SetOperatorKind::Intersect => " intersect ",
            });
            self.text_if(operand.op.all, "all ");
            self.operand(&operand.right, parens(&operand.right));
        }
    }

    fn operand(&mut self, body: &QueryBody, parens: bool) {
        self.text_if(parens, "(");
        self.query_body(body);
        self.text_if(parens, ")");
    }

    pub(crate) fn select(&mut self, select: &Select) {
        self.text("select");
        self.comments(&select.comments);
        self.text(" ");
        self.select_options(select);
        self.list(&select.items, |p, item| p.select_item(item));
        if !select.from.is_empty() {
            self.text(" from ");
            self.list(&select.from, |p, table| p.table_expr(table));
        }
        self.condition(" where ", select.where_.as_ref());
        if let Some(group_by) = &select.group_by {
            self.text(if group_by.cube { " group by cube (" } else { " group by " });
            self.list(&group_by.exprs, |p, item| {
                p.expr(&item.expr);
                p.direction(item.direction);
            });
            self.text_if(group_by.cube, ")");
            self.text_if(group_by.with_rollup, " with rollup");
        }
        self.condition(" having ", select.having.as_ref());
        if !select.windows.is_empty() {
            self.text(" window ");
            self.list(&select.windows, |p, window| {
                p.ident(&window.name);
                p.text(" as ");
                p.window_spec(&window.spec);
            });
        }
        self.condition(" qualify ", select.qualify.as_ref());
    }

    /// A keyword and an expression, if there is one.
    pub(crate) fn condition(&mut self, keyword: &str, condition: Option<&Expr>) {
        if let Some(condition) = condition {
            self.text(keyword);
            self.expr(condition);
        }
    }

    fn select_options(&mut self, select: &Select) {
        let options = &select.options;
        self.text_if(select.distinct, "distinct ");
        self.text_if(options.high_priority, "high_priority ");
        self.text_if(options.straight_join, "straight_join ");
        self.text_if(options.small_result, "sql_small_result ");
        self.text_if(options.big_result, "sql_big_result ");
        self.text_if(options.buffer_result, "sql_buffer_result ");
        self.text_if(options.cache == Some(true), "sql_cache ");
        self.text_if(options.cache == Some(false), "sql_no_cache ");
        self.text_if(options.calc_found_rows, "sql_calc_found_rows ");
    }

    fn select_item(&mut self, item: &SelectItem) {
        match item {
            SelectItem::Wildcard(table) => {
                if let Some(table) = table {
                    self.table_name(table);
                    self.text(".");
                }
                self.text("*");
            }
            SelectItem::Expr(item) => {
                self.expr(&item.expr);
                if let Some(alias) = &item.alias {
                    self.text(" as ");
                    self.ident(alias);
                }
            }
            SelectItem::Next(None) => self.text("next value"),
            SelectItem::Next(Some(count)) => {
                self.text("next ");
                self.expr(count);
                self.text(" values");
            }
        }
    }

    pub(crate) fn direction(&mut self, direction: Option<Direction>) {
        match direction {
            Some(Direction::Asc) => self.text(" asc"),
            Some(Direction::Desc) => self.text(" desc"),
            None => {}
        }
    }

    pub(crate) fn order_by(&mut self, items: &[OrderBy]) {
        if items.is_empty() {
            return;
        }
        self.text(" order by ");
        self.list(items, |p, item| {
            p.expr(&item.expr);
            p.direction(Some(item.direction));
        });
    }

    pub(crate) fn limit(&mut self, limit: Option<&Limit>) {
        let Some(limit) = limit else { return };
        self.text(" limit ");
        match &limit.offset {
            Some(offset) if limit.comma => {
                self.expr(offset);
                self.text(", ");
                self.expr(&limit.count);
            }
            Some(offset) => {
                self.expr(&limit.count);
                self.text(" offset ");
                self.expr(offset);
            }
            None => self.expr(&limit.count),
        }
    }

    fn lock(&mut self, lock: &Locking) {
        self.text(match lock.strength {
            LockStrength::Update => " for update",
            LockStrength::Share => " for share",
            LockStrength::ShareMode => " lock in share mode",
        });
        if !lock.of.is_empty() {
            self.text(" of ");
            self.list(&lock.of, |p, table| p.table_name(table));
        }
        match lock.wait {
            Some(LockWait::NoWait) => self.text(" nowait"),
            Some(LockWait::SkipLocked) => self.text(" skip locked"),
            None => {}
        }
    }

    fn into(&mut self, into: &Into) {
        self.text(" into ");
        match into {
            Into::Variables(variables) => self.exprs(variables),
            Into::DumpFile(path) => {
                self.text("dumpfile ");
                self.literal(path);
            }
            Into::OutFile(file) => {
                self.text(if file.s3 { "outfile s3 " } else { "outfile " });
                self.literal(&file.path);
                self.text_if(!file.options.is_empty(), " ");
                self.raw(&file.options);
            }
        }
    }
}
