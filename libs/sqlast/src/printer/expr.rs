//! Expressions, with the parentheses that precedence needs.

use super::Printer;
use crate::SqlMode;
use crate::ast::*;
use crate::parser::expr::level;

/// How tightly the outermost operator of an expression binds.
fn level_of(expr: &Expr) -> u8 {
    match expr {
        Expr::Or(_) => level::OR,
        Expr::And(_) => level::AND,
        Expr::Unary(unary) if unary.op == UnaryOp::Not => level::NOT,
        Expr::Unary(_) => level::UNARY,
        Expr::Binary(binary) => binary_level(binary.op),
        Expr::Comparison(_) => level::COMPARISON,
        // Nothing can be compared with `a IS TRUE` without parentheses.
        Expr::Is(is) if is.test != IsTest::Null => level::NOT,
        Expr::Is(_) => level::COMPARISON,
        Expr::Like(_) | Expr::Between(_) | Expr::In(_) => level::PREDICATE,
        Expr::DateArith(arith) => match arith.form {
            DateArithForm::Plus | DateArithForm::Minus => level::ADD,
            // Takes what follows for its right side.
            DateArithForm::IntervalFirst => 0,
            _ => level::PRIMARY,
        },
        Expr::Assign(_) => 0,
        Expr::Collate(_) => level::COLLATE,
        _ => level::PRIMARY,
    }
}

fn binary_level(op: BinaryOp) -> u8 {
    match op {
        BinaryOp::Xor => level::XOR,
        BinaryOp::Plus | BinaryOp::Minus => level::ADD,
        BinaryOp::Multiply | BinaryOp::Divide | BinaryOp::IntDivide | BinaryOp::Modulo => level::MULTIPLY,
        BinaryOp::BitOr => level::BIT_OR,
        BinaryOp::BitAnd => level::BIT_AND,
        BinaryOp::BitXor => level::BIT_XOR,
        BinaryOp::ShiftLeft | BinaryOp::ShiftRight => level::SHIFT,
        BinaryOp::MemberOf | BinaryOp::SoundsLike => level::PREDICATE,
        BinaryOp::JsonExtract | BinaryOp::JsonUnquoteExtract => level::PRIMARY,
    }
}

impl Printer {
    /// An expression as an operand that must bind at least as tightly as `min`.
    pub(crate) fn expr_at(&mut self, expr: &Expr, min: u8) {
        let own = level_of(expr);
        let parens = own < min || (self.options.parenthesised && own < level::PRIMARY);
        if parens {
            self.text("(");
        }
        self.operation(expr);
        if parens {
            self.text(")");
        }
    }

    fn operation(&mut self, expr: &Expr) {
        match expr {
            Expr::Literal(literal) => self.literal(literal),
            Expr::Param(param) => self.param(param),
            Expr::Column(column) => self.col_name(column),
            Expr::And(terms) => self.chain(terms, " and ", level::NOT),
            Expr::Or(terms) => self.chain(terms, " or ", level::XOR),
            Expr::Unary(unary) => self.unary(unary),
            Expr::Binary(binary) => self.binary(binary),
            Expr::Comparison(comparison) => self.comparison(comparison),
            Expr::Like(like) => self.like(like),
            Expr::Between(between) => self.between(between),
            Expr::In(in_) => self.in_list(in_),
            Expr::Is(is) => self.is_test(is),
            Expr::Collate(collate) => {
                self.expr_at(&collate.expr, level::COLLATE);
                self.text(" collate ");
                self.ident(&collate.collation);
            }
            Expr::Assign(assign) => {
                self.user_var(&assign.variable);
                self.text(" := ");
                // Takes all that follows, other assignments too.
                self.expr_at(&assign.value, 0);
            }
            Expr::DateArith(arith) => self.date_arith(arith),
            other => self.primary(other),
        }
    }

    fn chain(&mut self, terms: &[Expr], operator: &str, min: u8) {
        for (index, term) in terms.iter().enumerate() {
            self.text_if(index > 0, operator);
            self.expr_at(term, min);
        }
    }

    fn unary(&mut self, unary: &Unary) {
        let (sign, min) = match unary.op {
            UnaryOp::Not if self.options.sql_mode.has(SqlMode::HIGH_NOT_PRECEDENCE) => ("not ", level::UNARY),
            UnaryOp::Not => ("not ", level::NOT),
            UnaryOp::Minus => ("-", level::UNARY),
            UnaryOp::Plus => ("+", level::UNARY),
            UnaryOp::BitNot => ("~", level::UNARY),
        };
        self.text(sign);
        let start = self.out.len();
        self.expr_at(&unary.expr, min);
        // Two dashes would begin a comment if a space followed them.
        if sign == "-" && self.out.get(start) == Some(&b'-') {
            self.out.insert(start, b' ');
        }
    }

    fn binary(&mut self, binary: &Binary) {
        let own = binary_level(binary.op);
        let operator = match binary.op {
            BinaryOp::Xor => " xor ",
            BinaryOp::Plus => " + ",
            BinaryOp::Minus => " - ",
            BinaryOp::Multiply => " * ",
            BinaryOp::Divide => " / ",
            BinaryOp::IntDivide => " div ",
            BinaryOp::Modulo => " % ",
            BinaryOp::BitOr => " | ",
            BinaryOp::BitAnd => " & ",
            BinaryOp::BitXor => " ^ ",
            BinaryOp::ShiftLeft => " << ",
            BinaryOp::ShiftRight => " >> ",
            BinaryOp::JsonExtract => " -> ",
            BinaryOp::JsonUnquoteExtract => " ->> ",
            BinaryOp::SoundsLike => " sounds like ",
            BinaryOp::MemberOf => {
                self.expr_at(&binary.left, level::BIT_OR);
                self.text(" member of (");
                self.expr_at(&binary.right, level::UNARY);
                self.text(")");
                return;
            }
        };
        let left = if binary.op == BinaryOp::SoundsLike { level::BIT_OR } else { own };
        self.expr_at(&binary.left, left);
        self.text(operator);
        self.expr_at(&binary.right, if own == level::PRIMARY { own } else { own + 1 });
    }

    fn comparison(&mut self, comparison: &Comparison) {
        self.expr_at(&comparison.left, level::COMPARISON);
        self.text(match comparison.op {
            ComparisonOp::Equal => " = ",
            ComparisonOp::NullSafeEqual => " <=> ",
            ComparisonOp::NotEqual => " != ",
            ComparisonOp::Less => " < ",
            ComparisonOp::LessEqual => " <= ",
            ComparisonOp::Greater => " > ",
            ComparisonOp::GreaterEqual => " >= ",
        });
        match comparison.quantifier {
            Some(Quantifier::All) => self.text("all "),
            Some(Quantifier::Any) => self.text("any "),
            None => {}
        }
        self.expr_at(&comparison.right, level::PREDICATE);
    }

    fn like(&mut self, like: &Like) {
        self.expr_at(&like.expr, level::BIT_OR);
        self.text_if(like.not, " not");
        let (operator, min) = match like.op {
            LikeOp::Like => (" like ", level::UNARY),
            LikeOp::Regexp => (" regexp ", level::BIT_OR),
        };
        self.text(operator);
        self.expr_at(&like.pattern, min);
        if let Some(escape) = &like.escape {
            self.text(" escape ");
            self.expr_at(escape, level::UNARY);
        }
    }

    fn between(&mut self, between: &Between) {
        self.expr_at(&between.expr, level::BIT_OR);
        self.text_if(between.not, " not");
        self.text(" between ");
        self.expr_at(&between.low, level::BIT_OR);
        self.text(" and ");
        self.expr_at(&between.high, level::BIT_OR);
    }

    fn in_list(&mut self, in_: &In) {
        self.expr_at(&in_.expr, level::BIT_OR);
        self.text_if(in_.not, " not");
        self.text(" in ");
        match &in_.list {
            InList::List(exprs) => self.paren_list(exprs, |p, expr| p.expr(expr)),
            InList::Param(name) => {
                self.text("::");
                self.bytes(name.as_bytes());
            }
            InList::Subquery(query) => self.paren_query(query),
        }
    }

    fn is_test(&mut self, is: &Is) {
        self.expr_at(&is.expr, level::COMPARISON);
        self.text(if is.not { " is not " } else { " is " });
        self.text(match is.test {
            IsTest::Null => "null",
            IsTest::True => "true",
            IsTest::False => "false",
            IsTest::Unknown => "unknown",
        });
    }

    fn date_arith(&mut self, arith: &DateArith) {
        let function = match arith.form {
            DateArithForm::Plus | DateArithForm::Minus => {
                self.expr_at(&arith.date, level::ADD);
                self.text(if arith.form == DateArithForm::Plus { " + " } else { " - " });
                return self.interval(&arith.amount, arith.unit);
            }
            DateArithForm::IntervalFirst => {
                self.interval(&arith.amount, arith.unit);
                self.text(" + ");
                return self.expr_at(&arith.date, level::BIT_OR);
            }
            DateArithForm::DateAdd => "date_add(",
            DateArithForm::DateSub => "date_sub(",
            DateArithForm::AddDate => "adddate(",
            DateArithForm::SubDate => "subdate(",
        };
        self.text(function);
        self.expr(&arith.date);
        self.text(", ");
        self.interval(&arith.amount, arith.unit);
        self.text(")");
    }

    pub(crate) fn interval(&mut self, amount: &Expr, unit: IntervalUnit) {
        self.text("interval ");
        self.expr(amount);
        self.text(" ");
        self.unit(unit);
    }

    pub(crate) fn unit(&mut self, unit: IntervalUnit) {
        self.text(match unit {
            IntervalUnit::Microsecond => "microsecond",
            IntervalUnit::Second => "second",
            IntervalUnit::Minute => "minute",
            IntervalUnit::Hour => "hour",
            IntervalUnit::Day => "day",
            IntervalUnit::Week => "week",
            IntervalUnit::Month => "month",
            IntervalUnit::Quarter => "quarter",
            IntervalUnit::Year => "year",
            IntervalUnit::SecondMicrosecond => "second_microsecond",
            IntervalUnit::MinuteMicrosecond => "minute_microsecond",
            IntervalUnit::MinuteSecond => "minute_second",
            IntervalUnit::HourMicrosecond => "hour_microsecond",
            IntervalUnit::HourSecond => "hour_second",
            IntervalUnit::HourMinute => "hour_minute",
            IntervalUnit::DayMicrosecond => "day_microsecond",
            IntervalUnit::DaySecond => "day_second",
            IntervalUnit::DayMinute => "day_minute",
            IntervalUnit::DayHour => "day_hour",
            IntervalUnit::YearMonth => "year_month",
        });
    }
}
