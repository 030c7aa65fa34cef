//! MySQL types and values in text form, bind variables and result rows, over the wire's own messages.
//!
//! A result is `proto::query::QueryResult` everywhere: rows stay as `Row{lengths, values}`, one buffer a
//! row, and are read by [`values`]. Nothing here turns a row into an object on the serving path.

mod bind;
mod mysql_type;
mod row;
mod type_name;
mod types;

pub use bind::{BindValue, BindVars};
pub use mysql_type::{MysqlType, column_type_of, mysql_type_of};
pub use proto::query::{Field, QueryResult, Row, Type};
pub use row::{RowBuilder, row_of, value_at, values};
pub use type_name::type_of_name;
pub use types::{
    is_binary, is_decimal, is_float, is_integral, is_number, is_quoted, is_signed, is_text, is_unsigned,
};

/// Charset ids that results are labelled with (`information_schema.collations`).
pub mod charset {
    /// `binary`: numbers, dates, blobs.
    pub const BINARY: u32 = 63;
    /// `utf8mb4_0900_ai_ci`, MySQL's default since 8.0.
    pub const UTF8MB4_0900_AI_CI: u32 = 255;
    /// `utf8mb3_general_ci`, which MySQL labels metadata with.
    pub const UTF8MB3_GENERAL_CI: u32 = 33;
}

/// A column for a result that we make ourselves (SHOW and the like): nullable text.
pub fn text_field(name: impl Into<String>) -> Field {
    field(name, Type::Varchar, charset::UTF8MB4_0900_AI_CI, 1024)
}

/// A column of whole numbers for a result that we make ourselves.
pub fn int_field(name: impl Into<String>, ty: Type) -> Field {
    field(name, ty, charset::BINARY, 21)
}

fn field(name: impl Into<String>, ty: Type, charset: u32, column_length: u32) -> Field {
    Field { name: name.into(), r#type: ty as i32, charset, column_length, ..Field::default() }
}
