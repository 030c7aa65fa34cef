//! The values of the literals that a pass found.

use super::{LiteralKind, LiteralSpan};
use crate::SqlMode;
use crate::Text;
use crate::lexer::{Lexer, Tok, decode_string};
use crate::normalize::{BindValue, Value, value_of};
use crate::parser::ParseOptions;

/// The values of the bind variables, in their order, from the literals of the last pass over `sql`.
pub fn bind_values(sql: &[u8], options: &ParseOptions, literals: &[LiteralSpan]) -> Vec<BindValue> {
    let mut values = Vec::with_capacity(literals.len());
    let mut rest = literals;
    while let Some(first) = rest.first() {
        if first.list == 0 {
            values.push(BindValue::Value(value(sql, options, first)));
            rest = &rest[1..];
            continue;
        }
        let length = rest.iter().take_while(|literal| literal.list == first.list).count();
        let (list, after) = rest.split_at(length);
        values.push(BindValue::Tuple(list.iter().map(|literal| value(sql, options, literal)).collect()));
        rest = after;
    }
    values
}

fn value(sql: &[u8], options: &ParseOptions, literal: &LiteralSpan) -> Value {
    let token = literal.span.of(sql);
    let text = match literal.kind {
        LiteralKind::Integer | LiteralKind::Decimal | LiteralKind::Float => Text::new(token),
        LiteralKind::String => string(token, options),
        LiteralKind::National => string(token.get(1..).unwrap_or_default(), options),
        LiteralKind::HexNumber => Text::new(token.get(2..).unwrap_or_default()),
        LiteralKind::HexString => quoted_digits(token),
        LiteralKind::Bit if token.last() == Some(&b'\'') => quoted_digits(token),
        LiteralKind::Bit => Text::new(token.get(2..).unwrap_or_default()),
    };
    value_of(literal.kind, literal.negative, text)
}

fn quoted_digits(token: &[u8]) -> Text {
    Text::new(token.get(2..token.len().saturating_sub(1)).unwrap_or_default())
}

/// One or more string tokens, with space and comments between them.
fn string(tokens: &[u8], options: &ParseOptions) -> Text {
    let backslash = !options.sql_mode.has(SqlMode::NO_BACKSLASH_ESCAPES);
    let inner = tokens.get(1..tokens.len().saturating_sub(1)).unwrap_or_default();
    let quote = tokens.first().copied().unwrap_or_default();
    if !inner.iter().any(|byte| *byte == quote || *byte == b'\\') {
        return Text::new(inner);
    }
    let mut out = Vec::with_capacity(inner.len());
    let mut lexer = Lexer::new(tokens, options);
    loop {
        let lexeme = lexer.next();
        match lexeme.tok {
            Tok::Str => decode_string(&tokens[lexeme.start..lexeme.end], backslash, &mut out),
            Tok::Comment => {}
            _ => return out.into(),
        }
    }
}
