//! Literals to bind variables.
//!
//! Every literal whose value does not matter to the plan becomes `:vtgN`, counted in the order of the
//! text; the list of an IN becomes one `::vtgN`. Which literals stay, and why, is in
//! [`Normalized::literal_bound`]. Equal literals get variables of their own: whether two literals of a
//! text are equal must not change the plan that its fingerprint finds.
//!
//! What must hold: if `literal_bound` is empty, the values are those that
//! [`crate::fingerprint::bind_values`] finds in the text, in the same order. So a literal that the lexer
//! sees and that did not become a bind variable makes the plan literal-bound, whatever the reason; this is
//! checked for each statement at the end.

mod freeze;
mod rewrite;
#[cfg(test)]
mod tests;

use crate::ast::{Ident, Literal, Statement};
use crate::fingerprint::{FingerprintKey, LiteralKind, Scratch, bind_values, fingerprint};
use crate::parser::ParseOptions;
use crate::text::Text;
use rewrite::Literals;

/// The values taken out of a statement, and whether its plan can serve other values.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Normalized {
    /// Name (without colons) and value, in the order of the text.
    pub binds: Vec<(Ident, BindValue)>,
    /// Why the plan can only be used for this very text; empty if it serves every text with this
    /// fingerprint.
    pub literal_bound: Vec<LiteralBound>,
}

/// The value of a bind variable.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum BindValue {
    Value(Value),
    /// The list of an IN.
    Tuple(Vec<Value>),
}

/// A value with its type, in MySQL's text form.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Value {
    pub kind: ValueKind,
    pub bytes: Text,
}

/// The types that literals have; names are those of Vitess's `query.Type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ValueKind {
    /// Fits in 64 signed bits.
    Int64,
    /// Larger, up to 64 unsigned bits.
    Uint64,
    Decimal,
    Float64,
    VarChar,
    /// Bytes are `0x4D`, as Vitess has them.
    HexNum,
    /// Bytes are `x'4D'`.
    HexVal,
    /// Bytes are `0b01`.
    BitNum,
}

/// Why a literal stays in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LiteralBound {
    /// A literal in ORDER BY: `ORDER BY 1` is a column.
    OrderBy,
    /// A literal in GROUP BY.
    GroupBy,
    /// A literal in a select item without alias: the column's name has it.
    UnnamedItem,
    /// A condition of literals only (`WHERE 1 = 0`).
    ConstantPredicate,
    /// A literal with a character set introducer or a COLLATE, a national string, a typed temporal literal.
    Typed,
    /// A literal that is no value: an alias, a length, an option, a separator.
    NotAValue,
    /// Not a statement whose literals are taken out (only SELECT, INSERT, REPLACE, UPDATE, DELETE are).
    Statement,
}

/// Takes the literals out of `statement`, which was parsed from `sql` with `options`.
pub fn normalize(statement: &mut Statement, sql: &[u8], options: &ParseOptions) -> Normalized {
    let taken_out = matches!(
        statement,
        Statement::Query(_) | Statement::Insert(_) | Statement::Update(_) | Statement::Delete(_)
    );
    if !taken_out {
        return Normalized { binds: Vec::new(), literal_bound: vec![LiteralBound::Statement] };
    }
    let mut normalized = Literals::take_out(statement);
    if normalized.literal_bound.is_empty() && !agrees_with_text(&normalized, sql, options) {
        normalized.literal_bound.push(LiteralBound::NotAValue);
    }
    normalized.literal_bound.sort_unstable();
    normalized.literal_bound.dedup();
    normalized
}

/// Whether the lexer alone finds the same values in the text.
fn agrees_with_text(normalized: &Normalized, sql: &[u8], options: &ParseOptions) -> bool {
    let mut scratch = Scratch::default();
    if fingerprint(sql, options, &FingerprintKey([0, 0]), &mut scratch).is_none() {
        return false;
    }
    let found = bind_values(sql, options, &scratch.literals);
    found.len() == normalized.binds.len() && found.iter().eq(normalized.binds.iter().map(|(_, value)| value))
}

/// The value of a literal: `text` is its digits, or the decoded string.
pub(crate) fn value_of(kind: LiteralKind, negative: bool, text: Text) -> Value {
    let prefixed =
        |front: &str, back: &str| Text::from([front.as_bytes(), text.as_bytes(), back.as_bytes()].concat());
    let (kind, bytes) = match kind {
        LiteralKind::Integer if negative => {
            // Below the smallest integer MySQL takes a decimal.
            let fits = text.to_string_lossy().parse::<u64>().is_ok_and(|value| value <= 1 << 63);
            (if fits { ValueKind::Int64 } else { ValueKind::Decimal }, prefixed("-", ""))
        }
        LiteralKind::Integer if text.as_bytes().len() < 19 => (ValueKind::Int64, text),
        LiteralKind::Integer => {
            let fits = text.to_string_lossy().parse::<i64>().is_ok();
            (if fits { ValueKind::Int64 } else { ValueKind::Uint64 }, text)
        }
        LiteralKind::Decimal => (ValueKind::Decimal, if negative { prefixed("-", "") } else { text }),
        LiteralKind::Float => (ValueKind::Float64, if negative { prefixed("-", "") } else { text }),
        LiteralKind::String | LiteralKind::National => (ValueKind::VarChar, text),
        LiteralKind::HexString => (ValueKind::HexVal, prefixed("x'", "'")),
        LiteralKind::HexNumber => (ValueKind::HexNum, prefixed("0x", "")),
        LiteralKind::Bit => (ValueKind::BitNum, prefixed("0b", "")),
    };
    Value { kind, bytes }
}

/// The value of a literal of the tree; none for NULL, TRUE, FALSE, which stay in the text, and for literals
/// whose type or character set stands beside them.
fn value_of_literal(literal: &Literal, negative: bool) -> Option<Value> {
    let (kind, text) = match literal {
        Literal::Integer(text) => (LiteralKind::Integer, text),
        Literal::Decimal(text) => (LiteralKind::Decimal, text),
        Literal::Float(text) => (LiteralKind::Float, text),
        Literal::String(text) => (LiteralKind::String, text),
        Literal::HexString(text) => (LiteralKind::HexString, text),
        Literal::HexNumber(text) => (LiteralKind::HexNumber, text),
        Literal::Bit(text) => (LiteralKind::Bit, text),
        Literal::Null | Literal::Bool(_) => return None,
        Literal::National(_) | Literal::Temporal(_) | Literal::Introduced(_) => return None,
    };
    Some(value_of(kind, negative, text.clone()))
}
