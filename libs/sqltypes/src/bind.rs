//! Bind variables: the values that travel beside a normalised statement.

use std::collections::HashMap;

use bytes::Bytes;
use proto::query::{BindVariable, Type, Value};

/// By name, without the colon: the form of the wire.
pub type BindVars = HashMap<String, BindVariable>;

/// One value or a list of them; cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum BindValue {
    Scalar(Type, Bytes),
    List(Vec<(Type, Bytes)>),
}

impl BindValue {
    pub const NULL: Self = Self::Scalar(Type::NullType, Bytes::new());

    pub fn int64(v: i64) -> Self {
        Self::Scalar(Type::Int64, Bytes::from(v.to_string()))
    }

    pub fn uint64(v: u64) -> Self {
        Self::Scalar(Type::Uint64, Bytes::from(v.to_string()))
    }

    pub fn bytes(v: impl Into<Bytes>) -> Self {
        Self::Scalar(Type::Varbinary, v.into())
    }

    pub fn text(v: impl Into<Bytes>) -> Self {
        Self::Scalar(Type::Varchar, v.into())
    }

    pub fn is_null(&self) -> bool {
        matches!(self, Self::Scalar(Type::NullType, _))
    }
}

impl From<BindValue> for BindVariable {
    fn from(v: BindValue) -> Self {
        match v {
            BindValue::Scalar(ty, value) => Self { r#type: ty as i32, value, values: Vec::new() },
            BindValue::List(list) => Self {
                r#type: Type::Tuple as i32,
                value: Bytes::new(),
                values: list.into_iter().map(|(ty, value)| Value { r#type: ty as i32, value }).collect(),
            },
        }
    }
}

impl From<BindVariable> for BindValue {
    fn from(v: BindVariable) -> Self {
        if v.r#type() == Type::Tuple {
            let list = v.values.into_iter().map(|v| (v.r#type(), v.value)).collect();
            return Self::List(list);
        }
        Self::Scalar(v.r#type(), v.value)
    }
}
