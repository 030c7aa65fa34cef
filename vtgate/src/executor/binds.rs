//! Bind variables from the literals of a statement, and from a plan's references to values.

use bytes::Bytes;
use planner::{LiteralValue, ValueRef};
use proto::query::{BindVariable, Type};
use sqlast::normalize::{BindValue as AstValue, Normalized, Value, ValueKind};
use sqltypes::{BindValue, BindVars};
use vterrors::{Error, Result};

/// The values that normalising took out of a statement, under their names.
pub fn of_normalized(normalized: &Normalized) -> BindVars {
    normalized
        .binds
        .iter()
        .map(|(name, value)| (name.to_string_lossy().into_owned(), bind_of(value).into()))
        .collect()
}

/// A parsed value as a bind variable's.
pub fn bind_of(value: &AstValue) -> BindValue {
    match value {
        AstValue::Value(v) => {
            let (ty, bytes) = typed(v);
            BindValue::Scalar(ty, bytes)
        }
        AstValue::Tuple(list) => BindValue::List(list.iter().map(typed).collect()),
    }
}

fn typed(v: &Value) -> (Type, Bytes) {
    let ty = match v.kind {
        ValueKind::Int64 => Type::Int64,
        ValueKind::Uint64 => Type::Uint64,
        ValueKind::Decimal => Type::Decimal,
        ValueKind::Float64 => Type::Float64,
        ValueKind::VarChar => Type::Varchar,
        ValueKind::HexNum => Type::Hexnum,
        ValueKind::HexVal => Type::Hexval,
        ValueKind::BitNum => Type::Bitnum,
    };
    (ty, Bytes::copy_from_slice(v.bytes.as_bytes()))
}

/// The value that a plan refers to. A list where one value is wanted is the plan's fault.
pub fn value(reference: &ValueRef, binds: &BindVars) -> Result<(Type, Bytes)> {
    match reference {
        ValueRef::Null => Ok((Type::NullType, Bytes::new())),
        ValueRef::Bind(name) => {
            let v = find(name, binds)?;
            Ok((v.r#type(), v.value.clone()))
        }
        ValueRef::Literal(literal) => Ok(literal_value(literal)),
        ValueRef::ListBind(name) => {
            Err(Error::internal(format!("::{name} is a list where one value is wanted")))
        }
        ValueRef::List(_) => Err(Error::internal("a list where one value is wanted")),
    }
}

/// The values of a list that a plan refers to.
pub fn list(reference: &ValueRef, binds: &BindVars) -> Result<Vec<(Type, Bytes)>> {
    match reference {
        ValueRef::ListBind(name) => {
            let v = find(name, binds)?;
            Ok(v.values.iter().map(|v| (v.r#type(), v.value.clone())).collect())
        }
        ValueRef::List(items) => items.iter().map(|item| value(item, binds)).collect(),
        one => Ok(vec![value(one, binds)?]),
    }
}

fn find<'a>(name: &str, binds: &'a BindVars) -> Result<&'a BindVariable> {
    binds.get(name).ok_or_else(|| Error::invalid(format!("missing bind var {name}")))
}

fn literal_value(literal: &LiteralValue) -> (Type, Bytes) {
    let text = |ty, s: &str| (ty, Bytes::copy_from_slice(s.as_bytes()));
    match literal {
        LiteralValue::Integer(s) if s.parse::<i64>().is_ok() => text(Type::Int64, s),
        LiteralValue::Integer(s) => text(Type::Uint64, s),
        LiteralValue::Decimal(s) => text(Type::Decimal, s),
        LiteralValue::Float(s) => text(Type::Float64, s),
        LiteralValue::Bytes(b) => (Type::Varchar, Bytes::copy_from_slice(b)),
        LiteralValue::Binary(b) => (Type::Varbinary, Bytes::copy_from_slice(b)),
    }
}

/// The bind variables that `sql` names: text for a tablet carries no others.
pub fn used(sql: &str, binds: &BindVars) -> BindVars {
    let mut out = BindVars::with_capacity(binds.len());
    for piece in sql.split(':').skip(1) {
        let end = piece.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(piece.len());
        if let Some((name, value)) = binds.get_key_value(&piece[..end]) {
            out.insert(name.clone(), value.clone());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_named_variables_travel() {
        let all: BindVars = ["vtg1", "vtg2", "vtg10", "__vals"]
            .into_iter()
            .map(|n| (n.to_owned(), BindValue::int64(1).into()))
            .collect();
        let used = used("select a from t where a = :vtg1 and b in ::__vals and c = ':vtg10x'", &all);
        let mut names: Vec<_> = used.keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["__vals", "vtg1"]);
    }
}
