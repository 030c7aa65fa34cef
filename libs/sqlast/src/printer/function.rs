//! Operands that need no parentheses: calls, CASE, CAST, subqueries and the like.

use super::Printer;
use crate::ast::*;
use crate::lexer::is_name_byte;
use crate::parser::expr::level;

impl Printer {
    pub(super) fn primary(&mut self, expr: &Expr) {
        match expr {
            Expr::UserVar(name) => self.user_var(name),
            Expr::SysVar(var) => self.sys_var(var),
            Expr::Row(exprs) => self.row(exprs),
            Expr::Subquery(query) => self.paren_query(query),
            Expr::Exists(query) => {
                self.text("exists ");
                self.paren_query(query);
            }
            Expr::Case(case) => self.case(case),
            Expr::Func(call) => self.func_call(call),
            Expr::Cast(cast) => self.cast(cast),
            Expr::ConvertUsing(convert) => {
                self.text("convert(");
                self.expr(&convert.expr);
                self.text(" using ");
                self.charset(&convert.charset);
                self.text(")");
            }
            Expr::Char(call) => {
                self.text("char(");
                self.exprs(&call.args);
                if let Some(charset) = &call.using {
                    self.text(" using ");
                    self.charset(charset);
                }
                self.text(")");
            }
            Expr::Default(None) => self.text("default"),
            Expr::Default(Some(column)) => {
                self.text("default(");
                self.col_name(column);
                self.text(")");
            }
            Expr::Values(column) => {
                self.text("values(");
                self.col_name(column);
                self.text(")");
            }
            Expr::Star => self.text("*"),
            other => self.special(other),
        }
    }

    /// Functions with a form of their own.
    fn special(&mut self, expr: &Expr) {
        match expr {
            Expr::Extract(extract) => {
                self.text("extract(");
                self.unit(extract.unit);
                self.text(" from ");
                self.expr(&extract.expr);
                self.text(")");
            }
            Expr::TimestampFunc(call) => {
                self.text(match call.op {
                    TimestampOp::Add => "timestampadd(",
                    TimestampOp::Diff => "timestampdiff(",
                });
                self.unit(call.unit);
                self.text(", ");
                self.expr(&call.first);
                self.text(", ");
                self.expr(&call.second);
                self.text(")");
            }
            Expr::Trim(trim) => self.trim(trim),
            Expr::Position(position) => {
                self.text("position(");
                self.expr_at(&position.needle, level::BIT_OR);
                self.text(" in ");
                self.expr(&position.haystack);
                self.text(")");
            }
            Expr::GetFormat(call) => {
                self.text("get_format(");
                self.bytes(call.kind.as_bytes());
                self.text(", ");
                self.expr(&call.expr);
                self.text(")");
            }
            Expr::WeightString(call) => {
                self.text("weight_string(");
                self.expr(&call.expr);
                if let Some(cast) = &call.cast {
                    self.text(" as ");
                    self.cast_type(cast);
                }
                self.text(")");
            }
            Expr::Match(match_) => self.match_against(match_),
            Expr::JsonValue(call) => self.json_value(call),
            // The others are printed by `operation` and `primary`, which call this last.
            _ => {}
        }
    }

    /// ROW is needed where a row has one value.
    fn row(&mut self, exprs: &[Expr]) {
        self.text_if(exprs.len() < 2, "row");
        self.paren_list(exprs, |p, expr| p.expr(expr));
    }

    pub(crate) fn sys_var(&mut self, var: &SysVar) {
        self.text("@@");
        if let Some(scope) = var.scope {
            self.text(scope_name(scope));
            self.text(".");
        }
        if let Some(component) = &var.component {
            self.ident(component);
            self.text(".");
        }
        self.ident(&var.name);
    }

    /// A character set or collation, which may be a reserved word.
    pub(crate) fn charset(&mut self, charset: &Ident) {
        if charset.is(b"binary") { self.text("binary") } else { self.ident(charset) }
    }

    fn case(&mut self, case: &Case) {
        self.text("case");
        if let Some(operand) = &case.operand {
            self.text(" ");
            self.expr(operand);
        }
        for when in &case.whens {
            self.text(" when ");
            self.expr(&when.condition);
            self.text(" then ");
            self.expr(&when.result);
        }
        if let Some(else_) = &case.else_ {
            self.text(" else ");
            self.expr(else_);
        }
        self.text(" end");
    }

    fn func_call(&mut self, call: &FuncCall) {
        if let Some(qualifier) = &call.qualifier {
            self.ident(qualifier);
            self.text(".");
        }
        let name = call.name.as_bytes();
        let plain =
            name.iter().all(|b| is_name_byte(*b)) && name.first().is_some_and(|b| !b.is_ascii_digit());
        if plain {
            self.bytes(name)
        } else {
            self.ident(&call.name)
        }
        if call.parens {
            self.text("(");
            self.text_if(call.distinct, "distinct ");
            self.exprs(&call.args);
            if let Some(tail) = &call.group_concat {
                self.group_concat(tail);
            }
            self.text(")");
        }
        if let Some(over) = &call.over {
            self.over(over);
        }
    }

    fn group_concat(&mut self, tail: &GroupConcat) {
        self.order_by(&tail.order_by);
        if let Some(separator) = &tail.separator {
            self.text(" separator ");
            self.expr(separator);
        }
        self.limit(tail.limit.as_ref());
    }

    fn over(&mut self, over: &Over) {
        self.text_if(over.from_last, " from last");
        self.text_if(over.ignore_nulls, " ignore nulls");
        self.text(" over ");
        match &over.window {
            OverWindow::Named(name) => self.ident(name),
            OverWindow::Spec(spec) => self.window_spec(spec),
        }
    }

    pub(crate) fn window_spec(&mut self, spec: &WindowSpec) {
        self.text("(");
        let start = self.out.len();
        if let Some(base) = &spec.base {
            self.text(" ");
            self.ident(base);
        }
        if !spec.partition_by.is_empty() {
            self.text(" partition by ");
            self.exprs(&spec.partition_by);
        }
        self.order_by(&spec.order_by);
        if let Some(frame) = &spec.frame {
            self.frame(frame);
        }
        // Each clause begins with a space; the first needs none.
        if self.out.len() > start {
            self.out.remove(start);
        }
        self.text(")");
    }

    fn frame(&mut self, frame: &Frame) {
        self.text(match frame.unit {
            FrameUnit::Rows => " rows ",
            FrameUnit::Range => " range ",
            FrameUnit::Groups => " groups ",
        });
        self.text_if(frame.end.is_some(), "between ");
        self.frame_bound(&frame.start);
        if let Some(end) = &frame.end {
            self.text(" and ");
            self.frame_bound(end);
        }
        self.text(match frame.exclude {
            Some(FrameExclusion::CurrentRow) => " exclude current row",
            Some(FrameExclusion::Group) => " exclude group",
            Some(FrameExclusion::Ties) => " exclude ties",
            Some(FrameExclusion::NoOthers) => " exclude no others",
            None => "",
        });
    }

    fn frame_bound(&mut self, bound: &FrameBound) {
        let (offset, direction) = match bound {
            FrameBound::CurrentRow => return self.text("current row"),
            FrameBound::UnboundedPreceding => return self.text("unbounded preceding"),
            FrameBound::UnboundedFollowing => return self.text("unbounded following"),
            FrameBound::Preceding(offset) => (offset, " preceding"),
            FrameBound::Following(offset) => (offset, " following"),
        };
        match offset.unit {
            Some(unit) => self.interval(&offset.amount, unit),
            None => self.expr_at(&offset.amount, level::BIT_OR),
        }
        self.text(direction);
    }

    fn cast(&mut self, cast: &Cast) {
        self.text("cast(");
        self.expr(&cast.expr);
        if let Some(zone) = &cast.at_time_zone {
            self.text(" at time zone ");
            self.literal(zone);
        }
        self.text(" as ");
        self.cast_type(&cast.to);
        self.text_if(cast.array, " array");
        self.text(")");
    }

    fn cast_type(&mut self, to: &CastType) {
        self.bytes(to.name.as_bytes());
        if let Some(length) = &to.length {
            self.text("(");
            self.bytes(length.as_bytes());
            if let Some(scale) = &to.scale {
                self.text(", ");
                self.bytes(scale.as_bytes());
            }
            self.text(")");
        }
        if let Some(charset) = &to.charset {
            self.text(" character set ");
            self.charset(charset);
        }
        self.text_if(to.binary, " binary");
    }

    fn trim(&mut self, trim: &Trim) {
        self.text("trim(");
        match trim.side {
            Some(TrimSide::Both) => self.text("both "),
            Some(TrimSide::Leading) => self.text("leading "),
            Some(TrimSide::Trailing) => self.text("trailing "),
            None => {}
        }
        if let Some(remove) = &trim.remove {
            self.expr(remove);
            self.text(" from ");
        } else {
            self.text_if(trim.side.is_some(), "from ");
        }
        self.expr(&trim.expr);
        self.text(")");
    }

    fn match_against(&mut self, match_: &Match) {
        self.text("match(");
        self.list(&match_.columns, |p, column| p.col_name(column));
        self.text(") against (");
        self.expr_at(&match_.against, level::BIT_OR);
        match match_.mode {
            Some(MatchMode::NaturalLanguage) => self.text(" in natural language mode"),
            Some(MatchMode::NaturalLanguageExpansion) => {
                self.text(" in natural language mode with query expansion");
            }
            Some(MatchMode::Boolean) => self.text(" in boolean mode"),
            Some(MatchMode::QueryExpansion) => self.text(" with query expansion"),
            None => {}
        }
        self.text(")");
    }

    fn json_value(&mut self, call: &JsonValue) {
        self.text("json_value(");
        self.expr(&call.document);
        self.text(", ");
        self.expr(&call.path);
        if let Some(returning) = &call.returning {
            self.text(" returning ");
            self.cast_type(returning);
        }
        self.json_on(call.on_empty.as_ref(), " on empty");
        self.json_on(call.on_error.as_ref(), " on error");
        self.text(")");
    }

    pub(crate) fn json_on(&mut self, on: Option<&JsonOn>, when: &str) {
        match on {
            None => return,
            Some(JsonOn::Null) => self.text(" null"),
            Some(JsonOn::Error) => self.text(" error"),
            Some(JsonOn::Default(value)) => {
                self.text(" default ");
                self.value_without_parens(value);
            }
        }
        self.text(when);
    }
}

/// The word for a scope.
pub(crate) fn scope_name(scope: VarScope) -> &'static str {
    match scope {
        VarScope::Global => "global",
        VarScope::Session => "session",
        VarScope::Persist => "persist",
        VarScope::PersistOnly => "persist_only",
        VarScope::VitessMetadata => "vitess_metadata",
    }
}
