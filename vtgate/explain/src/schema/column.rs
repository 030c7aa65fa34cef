//! A column of CREATE TABLE as information_schema would show it: type, collation, definition.

use sqlast::ast::{ColumnAttribute, ColumnDef, DataType, Expr, Literal};
use vschema::{Column, ColumnDefault};

/// The character set and collation of text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charset {
    charset: String,
    /// None where only a mysqld knows the default of the character set.
    collation: Option<String>,
}

impl Default for Charset {
    /// MySQL's since 8.0.
    fn default() -> Self {
        Self { charset: "utf8mb4".to_owned(), collation: Some("utf8mb4_0900_ai_ci".to_owned()) }
    }
}

impl Charset {
    /// From what is said of it; none where nothing is.
    pub fn new(charset: Option<&str>, collation: Option<&str>) -> Option<Self> {
        let of_collation = |c: &str| c.split('_').next().unwrap_or(c).to_owned();
        let named = match (charset, collation) {
            (None, None) => return None,
            (Some(charset), _) => charset.to_owned(),
            (None, Some(collation)) => of_collation(collation),
        };
        let charset = if named == "utf8" { "utf8mb3".to_owned() } else { named };
        let collation = match collation {
            Some(collation) => Some(match collation.strip_prefix("utf8_") {
                Some(rest) => format!("utf8mb3_{rest}"),
                None => collation.to_owned(),
            }),
            None => default_collation(&charset).map(str::to_owned),
        };
        Some(Self { charset, collation })
    }

    /// `ascii_bin`
    fn binary(&self) -> Self {
        Self { charset: self.charset.clone(), collation: Some(format!("{}_bin", self.charset)) }
    }
}

/// `SHOW CHARACTER SET` of MySQL 8.4, of the character sets that are in use.
fn default_collation(charset: &str) -> Option<&'static str> {
    Some(match charset {
        "utf8mb4" => "utf8mb4_0900_ai_ci",
        "utf8mb3" => "utf8mb3_general_ci",
        "latin1" => "latin1_swedish_ci",
        "ascii" => "ascii_general_ci",
        "ucs2" => "ucs2_general_ci",
        "utf16" => "utf16_general_ci",
        "utf32" => "utf32_general_ci",
        "binary" => "binary",
        _ => return None,
    })
}

/// A column; `table` is the table's character set.
pub fn column(column: &ColumnDef, table: &Charset, in_primary_key: bool) -> Column {
    let ColumnDef { name, data_type, attributes } = column;
    let has = |wanted: &ColumnAttribute| attributes.contains(wanted);
    let charset = is_text(data_type).then(|| text_charset(data_type, attributes, table));
    // CHARACTER SET binary makes a byte string of it.
    let is_bytes = charset.as_ref().is_some_and(|c| c.charset == "binary");
    let base = if is_bytes { byte_type(&data_type.name.to_lower()) } else { base_type(data_type) };
    let collation = charset.filter(|_| !is_bytes).and_then(|c| c.collation);
    let unsigned = data_type.unsigned || data_type.zerofill || base == "serial";
    let not_null = has(&ColumnAttribute::NotNull)
        || has(&ColumnAttribute::PrimaryKey)
        || in_primary_key
        || base == "serial"
        || says_serial(attributes);
    let collate = collation.as_ref().map(|c| format!(" collate {c}")).unwrap_or_default();
    let null = if not_null { " not null" } else { " null" };
    Column {
        name: name.to_string_lossy().into_owned(),
        ty: sqltypes::type_of_name(&base, unsigned),
        definition: Some(format!("{}{collate}{null}", column_type(data_type, &base))),
        collation,
        invisible: has(&ColumnAttribute::Visible(false)),
        generated: attributes.iter().any(|a| matches!(a, ColumnAttribute::Generated(_))),
        default: default_of(attributes, not_null),
    }
}

/// What schema tracking would find of it.
fn default_of(attributes: &[ColumnAttribute], not_null: bool) -> ColumnDefault {
    let given = attributes.iter().find_map(|a| match a {
        ColumnAttribute::Default(expr) | ColumnAttribute::DefaultExpr(expr) => Some(Some(expr)),
        ColumnAttribute::AutoIncrement => Some(None),
        _ => None,
    });
    match given {
        None if not_null => ColumnDefault::Missing,
        None | Some(Some(Expr::Literal(Literal::Null))) => ColumnDefault::Null,
        Some(Some(Expr::Literal(
            Literal::Integer(text) | Literal::Decimal(text) | Literal::String(text),
        ))) => ColumnDefault::Value(text.to_string_lossy().into_owned()),
        Some(_) => ColumnDefault::Unknown,
    }
}

/// `SERIAL DEFAULT VALUE` is NOT NULL AUTO_INCREMENT UNIQUE.
fn says_serial(attributes: &[ColumnAttribute]) -> bool {
    attributes.iter().any(|a| matches!(a, ColumnAttribute::Other(raw) if raw.len() == 3))
}

fn text_charset(data_type: &DataType, attributes: &[ColumnAttribute], table: &Charset) -> Charset {
    let collate = attributes.iter().find_map(|a| match a {
        ColumnAttribute::Collate(name) => Some(name.to_lower()),
        _ => None,
    });
    let named = match data_type.name.to_lower().as_str() {
        "nchar" | "nvarchar" => Some("utf8mb3".to_owned()),
        _ => data_type.charset.as_ref().map(|c| c.to_lower()),
    };
    let own = Charset::new(named.as_deref(), collate.as_deref()).unwrap_or_else(|| table.clone());
    if data_type.binary && collate.is_none() { own.binary() } else { own }
}

fn is_text(data_type: &DataType) -> bool {
    const TEXTS: [&[u8]; 10] = [
        b"char",
        b"nchar",
        b"varchar",
        b"nvarchar",
        b"tinytext",
        b"text",
        b"mediumtext",
        b"longtext",
        b"enum",
        b"set",
    ];
    TEXTS.iter().any(|name| data_type.name.is(name))
}

fn byte_type(name: &str) -> String {
    match name {
        "char" => "binary",
        "varchar" => "varbinary",
        "tinytext" => "tinyblob",
        "text" => "blob",
        "mediumtext" => "mediumblob",
        "longtext" => "longblob",
        other => other,
    }
    .to_owned()
}

/// The `data_type` of information_schema, but that `serial` stays.
fn base_type(data_type: &DataType) -> String {
    let name = data_type.name.to_lower();
    match name.as_str() {
        "bool" => "tinyint".to_owned(),
        "nchar" => "char".to_owned(),
        "nvarchar" => "varchar".to_owned(),
        "geometrycollection" => "geomcollection".to_owned(),
        // FLOAT(25) and more is a DOUBLE.
        "float" if data_type.scale.is_none() && digits(data_type) > Some(24) => "double".to_owned(),
        _ => name,
    }
}

fn digits(data_type: &DataType) -> Option<u32> {
    data_type.length.as_ref()?.to_string_lossy().parse().ok()
}

/// The `column_type` of information_schema: `bigint unsigned`, `decimal(10,0)`.
fn column_type(data_type: &DataType, base: &str) -> String {
    let length = data_type.length.as_ref().map(|l| l.to_string_lossy().into_owned());
    let scale = data_type.scale.as_ref().map(|s| s.to_string_lossy().into_owned());
    let size = match (base, length, scale) {
        ("serial", ..) => return "bigint unsigned".to_owned(),
        ("tinyint", _, _) if data_type.name.is(b"bool") => "(1)".to_owned(),
        // The width of an integer says nothing, but for tinyint(1) and with zerofill.
        ("tinyint", Some(one), _) if one == "1" => "(1)".to_owned(),
        ("tinyint" | "smallint" | "mediumint" | "int" | "bigint", width, _) if data_type.zerofill => {
            format!("({})", width.as_deref().unwrap_or_else(|| zerofill_width(base)))
        }
        ("tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "year", ..) => String::new(),
        ("decimal", length, scale) => {
            format!("({},{})", length.as_deref().unwrap_or("10"), scale.as_deref().unwrap_or("0"))
        }
        ("char" | "binary" | "bit", None, _) => "(1)".to_owned(),
        ("float" | "double", Some(length), Some(scale)) => format!("({length},{scale})"),
        ("float" | "double", ..) => String::new(),
        ("enum" | "set", ..) => {
            let quoted =
                |bytes: Vec<u8>| format!("'{}'", String::from_utf8_lossy(&bytes).replace('\'', "''"));
            let values: Vec<_> =
                data_type.values.iter().map(|v| quoted(v.value_bytes().unwrap_or_default())).collect();
            format!("({})", values.join(","))
        }
        (_, Some(length), _) => format!("({length})"),
        (_, None, _) => String::new(),
    };
    let unsigned = if data_type.unsigned || data_type.zerofill { " unsigned" } else { "" };
    let zerofill = if data_type.zerofill { " zerofill" } else { "" };
    format!("{base}{size}{unsigned}{zerofill}")
}

fn zerofill_width(base: &str) -> &'static str {
    match base {
        "tinyint" => "3",
        "smallint" => "5",
        "mediumint" => "8",
        "int" => "10",
        _ => "20",
    }
}
