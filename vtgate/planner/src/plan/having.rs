//! The plan's part for conditions on groups.

use eval::{Is, Side, Test};
use serde::{Serialize, Serializer};
use vterrors::Result;

use super::{Aggregate, ColumnAt, ValueRef};

/// A condition on the columns of groups that vtgate looks at itself: numbers compared with numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum Having {
    All(Vec<Having>),
    Any(Vec<Having>),
    Compare {
        column: ColumnAt,
        #[serde(serialize_with = "sign")]
        is: Is,
        with: HavingSide,
    },
    Null {
        column: ColumnAt,
        not: bool,
    },
}

/// The other side of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum HavingSide {
    Column(ColumnAt),
    Value(ValueRef),
}

/// How a comparison is written.
pub(crate) fn sign_of(is: Is) -> &'static str {
    match is {
        Is::Equal => "=",
        Is::NotEqual => "<>",
        Is::Less => "<",
        Is::LessOrEqual => "<=",
        Is::Greater => ">",
        Is::GreaterOrEqual => ">=",
    }
}

fn sign<S: Serializer>(is: &Is, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.serialize_str(sign_of(*is))
}

impl Aggregate {
    /// The condition on rows of `columns` columns; `value` finds values, `None` for NULL.
    pub fn test(
        &self,
        columns: usize,
        value: &dyn Fn(&ValueRef) -> Result<Option<Vec<u8>>>,
    ) -> Result<Option<Test>> {
        let at = |at: ColumnAt| at.index(columns, self.hidden_columns);
        self.having.as_ref().map(|having| having.test(&at, value)).transpose()
    }
}

impl Having {
    /// The same of other columns.
    pub(crate) fn with_columns(&self, at: &dyn Fn(ColumnAt) -> ColumnAt) -> Self {
        let all = |parts: &[Self]| parts.iter().map(|part| part.with_columns(at)).collect();
        match self {
            Self::All(parts) => Self::All(all(parts)),
            Self::Any(parts) => Self::Any(all(parts)),
            Self::Null { column, not } => Self::Null { column: at(*column), not: *not },
            Self::Compare { column, is, with } => Self::Compare {
                column: at(*column),
                is: *is,
                with: match with {
                    HavingSide::Column(column) => HavingSide::Column(at(*column)),
                    value => value.clone(),
                },
            },
        }
    }

    /// The condition with its values at hand.
    pub fn test(
        &self,
        at: &dyn Fn(ColumnAt) -> usize,
        value: &dyn Fn(&ValueRef) -> Result<Option<Vec<u8>>>,
    ) -> Result<Test> {
        let all = |parts: &[Self]| parts.iter().map(|part| part.test(at, value)).collect::<Result<Vec<_>>>();
        Ok(match self {
            Self::All(parts) => Test::All(all(parts)?),
            Self::Any(parts) => Test::Any(all(parts)?),
            Self::Null { column, not } => Test::Null { column: at(*column), not: *not },
            Self::Compare { column, is, with } => Test::Compare {
                column: at(*column),
                is: *is,
                with: match with {
                    HavingSide::Column(column) => Side::Column(at(*column)),
                    HavingSide::Value(reference) => Side::Value(value(reference)?),
                },
            },
        })
    }
}
