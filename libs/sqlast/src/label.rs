//! What MySQL calls the column of a select item. The rules were found by asking MySQL 9.7.

#[cfg(test)]
mod tests;

use crate::SqlMode;
use crate::ast::{AliasedExpr, Expr, Literal, UnaryOp};
use crate::lexer::{Lexer, Tok, decode_string};
use crate::parser::ParseOptions;

/// The alias, the name of a plain column, the value of a plain string or number, else the text of the
/// expression. `source` is the text that the item was parsed from, with `options`.
pub fn column_label(item: &AliasedExpr, source: &[u8], options: &ParseOptions) -> Vec<u8> {
    match &item.alias {
        Some(alias) => alias.as_bytes().to_vec(),
        None => label(&item.expr, item.span.of(source), options),
    }
}

fn label(expr: &Expr, text: &[u8], options: &ParseOptions) -> Vec<u8> {
    match expr {
        Expr::Column(column) => column.name.as_bytes().to_vec(),
        Expr::Literal(Literal::Null) => b"NULL".to_vec(),
        Expr::Literal(Literal::Integer(digits) | Literal::Decimal(digits) | Literal::Float(digits)) => {
            digits.as_bytes().to_vec()
        }
        Expr::Literal(Literal::String(_) | Literal::National(_)) => first_string(text, options),
        Expr::Literal(Literal::Introduced(introduced))
            if matches!(introduced.literal, Literal::String(_)) =>
        {
            first_string(text, options)
        }
        // To MySQL a plus sign is nothing.
        Expr::Unary(unary) if unary.op == UnaryOp::Plus => label(&unary.expr, text, options),
        _ => without_gates(text, options),
    }
}

/// The first of adjacent strings, space and control characters at its start left out.
fn first_string(text: &[u8], options: &ParseOptions) -> Vec<u8> {
    let mut lexer = Lexer::new(text, options);
    loop {
        let lexeme = lexer.next();
        let quoted = match lexeme.tok {
            Tok::Str => &text[lexeme.start..lexeme.end],
            Tok::NationalStr => &text[lexeme.start + 1..lexeme.end],
            Tok::End | Tok::Bad => return text.to_vec(),
            _ => continue,
        };
        let mut value = Vec::new();
        decode_string(quoted, !options.sql_mode.has(SqlMode::NO_BACKSLASH_ESCAPES), &mut value);
        let start = value.iter().position(|byte| *byte > b' ' && *byte != 0x7f).unwrap_or(value.len());
        return value.split_off(start);
    }
}

/// MySQL takes the frames of open gates out of the text before it names columns.
fn without_gates(text: &[u8], options: &ParseOptions) -> Vec<u8> {
    if !text.windows(3).any(|window| window == b"/*!") {
        return text.to_vec();
    }
    let mut lexer = Lexer::new(text, options);
    let (mut label, mut end) = (Vec::with_capacity(text.len()), 0);
    loop {
        let lexeme = lexer.next();
        // What stands between two tokens is space and the frames of gates.
        label.extend(text[end..lexeme.start].iter().filter(|byte| byte.is_ascii_whitespace()));
        label.extend_from_slice(&text[lexeme.start..lexeme.end]);
        end = lexeme.end;
        if matches!(lexeme.tok, Tok::End | Tok::Bad) {
            return label;
        }
    }
}
