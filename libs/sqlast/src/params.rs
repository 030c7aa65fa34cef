//! The `?` of prepared statements: where they stand, and their names as bind variables.

#[cfg(test)]
mod tests;

use crate::ast::{Expr, Ident, Limit, Param, Query, Statement};
use crate::lexer::{Lexer, Tok};
use crate::parser::ParseOptions;
use crate::visit::{Rewriter, Visit, Visitor, Walk};

/// The offsets of the `?` in a text: those in strings, names and comments are none. The lexer alone finds
/// them, so that they are right for statements, too, that the parser does not take apart.
pub fn param_places(sql: &[u8], options: &ParseOptions) -> Vec<usize> {
    let mut places = Vec::new();
    let mut lexer = Lexer::new(sql, options);
    loop {
        let lexeme = lexer.next();
        match lexeme.tok {
            Tok::Question => places.push(lexeme.start),
            // The parser says what is wrong at a bad token.
            Tok::End | Tok::Bad => return places,
            _ => {}
        }
    }
}

/// The bind variable of the `?` with this number, counted from 0: `v1` and so on, as Vitess names them.
fn name_of(number: u32) -> Ident {
    Ident::from(format!("v{}", u64::from(number) + 1))
}

/// Makes named bind variables of the `?` of a statement; others stay as they are.
pub fn name_params(statement: &mut Statement) {
    struct Namer;
    impl Rewriter for Namer {
        fn enter_expr(&mut self, expr: &mut Expr) -> bool {
            if let Expr::Param(param) = expr
                && let Param::Positional(number) = param
            {
                *param = Param::Named(name_of(*number));
            }
            true
        }
    }
    statement.rewrite(&mut Namer);
}

/// The numbers of the `?` that stand in a LIMIT, where MySQL takes whole numbers only.
pub fn limit_params(statement: &Statement) -> Vec<u32> {
    struct Limits(Vec<u32>);
    impl Limits {
        fn take(&mut self, limit: Option<&Limit>) {
            let Some(limit) = limit else { return };
            for expr in limit.offset.iter().chain([&limit.count]) {
                if let Expr::Param(Param::Positional(number)) = expr {
                    self.0.push(*number);
                }
            }
        }
    }
    impl Visitor for Limits {
        fn enter_query(&mut self, query: &Query) -> Visit {
            self.take(query.limit.as_ref());
            Visit::Into
        }
    }
    let mut limits = Limits(Vec::new());
    match statement {
        Statement::Update(update) => limits.take(update.limit.as_ref()),
        Statement::Delete(delete) => limits.take(delete.limit.as_ref()),
        _ => {}
    }
    statement.walk(&mut limits);
    limits.0
}
