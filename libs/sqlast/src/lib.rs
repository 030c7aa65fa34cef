//! MySQL's SQL: lexer and fingerprint, syntax tree, parser, normaliser, printer.
//!
//! Everything here is pure: bytes in, values out. The grammar is MySQL's (8.0 up to 9.x) with what Vitess
//! adds to it; a statement that is not taken apart is still a [`ast::Statement::Other`] and is passed on.

pub mod ast;
mod error;
pub mod fingerprint;
mod label;
mod lexer;
pub mod normalize;
mod params;
pub mod parser;
pub mod preview;
pub mod printer;
mod redact;
mod split;
pub mod sql_mode;
pub mod text;
pub mod visit;

pub use error::{NEAR_BYTES, ParseError, ParseErrorKind};
pub use fingerprint::{Fingerprint, FingerprintKey, Scratch, bind_values, fingerprint};
pub use label::column_label;
pub use normalize::{BindValue, Normalized, normalize};
pub use params::{limit_params, name_params, param_places};
pub use parser::{ParseOptions, parse, parse_expr};
pub use preview::{StatementKind, preview};
pub use printer::{PrintOptions, to_sql, to_sql_parenthesised, to_sql_with};
pub use redact::redacted;
pub use split::split;
pub use sql_mode::SqlMode;
pub use text::Text;
pub use visit::{Rewriter, Visit, Visitor, Walk};
