//! MySQL's names of column types.

use crate::Type;

/// From MySQL's `data_type` (`bigint`, in any case) and whether the column is unsigned; none for a name that is no
/// type of MySQL's. The names are those of `information_schema.columns`, and `serial`.
pub fn type_of_name(name: &str, unsigned: bool) -> Option<Type> {
    let pick = |signed, other| if unsigned { other } else { signed };
    Some(match name.to_ascii_lowercase().as_str() {
        "tinyint" => pick(Type::Int8, Type::Uint8),
        "smallint" => pick(Type::Int16, Type::Uint16),
        "mediumint" => pick(Type::Int24, Type::Uint24),
        "int" => pick(Type::Int32, Type::Uint32),
        "bigint" => pick(Type::Int64, Type::Uint64),
        "serial" => Type::Uint64,
        "float" => Type::Float32,
        "double" => Type::Float64,
        "decimal" => Type::Decimal,
        "date" => Type::Date,
        "time" => Type::Time,
        "datetime" => Type::Datetime,
        "timestamp" => Type::Timestamp,
        "year" => Type::Year,
        "char" => Type::Char,
        "varchar" => Type::Varchar,
        "binary" => Type::Binary,
        "varbinary" => Type::Varbinary,
        "tinytext" | "text" | "mediumtext" | "longtext" => Type::Text,
        "tinyblob" | "blob" | "mediumblob" | "longblob" => Type::Blob,
        "bit" => Type::Bit,
        "enum" => Type::Enum,
        "set" => Type::Set,
        "json" => Type::Json,
        "vector" => Type::Vector,
        "geometry" | "point" | "linestring" | "polygon" | "multipoint" | "multilinestring"
        | "multipolygon" | "geomcollection" | "geometrycollection" => Type::Geometry,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_read() {
        assert_eq!(type_of_name("bigint", true), Some(Type::Uint64));
        assert_eq!(type_of_name("BIGINT", false), Some(Type::Int64));
        assert_eq!(type_of_name("longtext", false), Some(Type::Text));
        assert_eq!(type_of_name("odd", false), None);
    }
}
