//! The identity of a statement without parsing it.
//!
//! One pass over the bytes writes the *skeleton* into a buffer of the caller: the text from the first token
//! to the last, each literal replaced by a mark of its kind, the list of an IN by one mark if it holds
//! nothing but literals. Space between tokens stays, for the names of columns have it (`SELECT a+b`): two
//! texts with one skeleton get the same names. Comments around the statement are left out.
//!
//! The fingerprint is a keyed 128-bit hash of the skeleton; the skeleton itself is what a cache compares on
//! a hit, so that a collision cannot route a query wrongly. The literals are listed in the order in which
//! [`crate::normalize::normalize`] makes bind variables of them.

mod hash;
mod scan;
#[cfg(test)]
mod tests;
mod values;

pub use values::bind_values;

use crate::StatementKind;
use crate::ast::Span;
use crate::parser::ParseOptions;
use scan::Scan;

/// The key of the hash; random per process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FingerprintKey(pub [u64; 2]);

/// What a pass over a statement finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint {
    pub hash: u128,
    /// From the first words.
    pub kind: StatementKind,
}

/// Buffers that are kept from statement to statement, so that a pass does not allocate.
#[derive(Debug, Clone, Default)]
pub struct Scratch {
    /// The skeleton of the last statement.
    pub skeleton: Vec<u8>,
    /// The literals of the last statement.
    pub literals: Vec<LiteralSpan>,
}

/// Where a literal stands and what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LiteralSpan {
    pub span: Span,
    pub kind: LiteralKind,
    /// The list it belongs to (the same number for all of a list, counted from 1), or 0.
    pub list: u32,
    /// A minus stands before it and belongs to it.
    pub negative: bool,
}

/// The kind of a literal token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LiteralKind {
    Integer,
    Decimal,
    Float,
    String,
    National,
    HexString,
    HexNumber,
    Bit,
}

/// One pass over `sql`. None if it is not one well-formed statement as far as a lexer can see (an open
/// string, two statements): then parse it, which says what is wrong.
///
/// `scratch` is cleared first; once its buffers are large enough a pass does not allocate.
pub fn fingerprint(
    sql: &[u8],
    options: &ParseOptions,
    key: &FingerprintKey,
    scratch: &mut Scratch,
) -> Option<Fingerprint> {
    if u32::try_from(sql.len()).is_err() {
        return None;
    }
    let kind = Scan::new(sql, options, scratch).run()?;
    Some(Fingerprint { hash: hash::keyed(&scratch.skeleton, key), kind })
}
