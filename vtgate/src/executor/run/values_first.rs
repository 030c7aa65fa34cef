//! Subqueries that are done before the query that needs their values.

use bytes::Bytes;
use planner::{FirstSubquery, SubqueryKind, ValuesFirst, has_values_bind};
use sqltypes::{BindValue, Field, Row, Type};
use vterrors::{Error, Result};

use super::Run;
use crate::executor::{Outcome, Sink};

/// A longer list is not put into a statement: the query is answered in another way.
const MAX_LIST: usize = 10_000;

impl Run<'_> {
    pub(super) async fn values_first(&mut self, first: &ValuesFirst, sink: &mut dyn Sink) -> Result<Outcome> {
        // A plan inside of this one may use the same names: what they were is put back at the end.
        let names = first.subqueries.iter().flat_map(|s| [s.bind.clone(), has_values_bind(&s.bind)]);
        let before: Vec<_> = names.map(|name| (self.binds.get(&name).cloned(), name)).collect();
        let outcome = self.values_and_rest(first, sink).await;
        for (value, name) in before {
            match value {
                Some(value) => self.binds.insert(name, value),
                None => self.binds.remove(&name),
            };
        }
        outcome
    }

    async fn values_and_rest(&mut self, first: &ValuesFirst, sink: &mut dyn Sink) -> Result<Outcome> {
        for subquery in &first.subqueries {
            let mut values = Values { kind: subquery.kind, ty: Type::NullType, found: Vec::new() };
            Box::pin(self.primitive(&subquery.input, &mut values)).await?;
            self.set(subquery, values)?;
        }
        Box::pin(self.primitive(&first.input, sink)).await
    }

    fn set(&mut self, subquery: &FirstSubquery, values: Values) -> Result<()> {
        let Values { ty, found, .. } = values;
        let typed = |value: Option<Bytes>| match value {
            Some(value) => (ty, value),
            None => (Type::NullType, Bytes::new()),
        };
        let flag = BindValue::int64(i64::from(!found.is_empty()));
        let bind = match subquery.kind {
            SubqueryKind::Exists => flag,
            SubqueryKind::Value => {
                let (ty, value) = typed(found.into_iter().next().flatten());
                BindValue::Scalar(ty, value)
            }
            SubqueryKind::List => {
                self.binds.insert(has_values_bind(&subquery.bind), flag.into());
                let list: Vec<_> = match found.is_empty() {
                    true => vec![typed(None)],
                    false => found.into_iter().map(typed).collect(),
                };
                BindValue::List(list)
            }
        };
        self.binds.insert(subquery.bind.clone(), bind.into());
        Ok(())
    }
}

/// Takes the rows of a subquery.
struct Values {
    kind: SubqueryKind,
    ty: Type,
    found: Vec<Option<Bytes>>,
}

#[async_trait::async_trait]
impl Sink for Values {
    async fn fields(&mut self, fields: Vec<Field>) -> Result<()> {
        if self.kind != SubqueryKind::Exists {
            let [field] = &fields[..] else {
                return Err(Error::mysql(1241, *b"21000", "Operand should contain 1 column(s)"));
            };
            self.ty = field.r#type();
        }
        Ok(())
    }

    async fn rows(&mut self, rows: Vec<Row>) -> Result<bool> {
        for row in &rows {
            let value = sqltypes::value_at(row, 0).flatten().map(Bytes::copy_from_slice);
            match self.kind {
                SubqueryKind::Exists => {
                    self.found.push(None);
                    return Ok(false);
                }
                SubqueryKind::Value if !self.found.is_empty() => {
                    return Err(Error::mysql(1242, *b"21000", "Subquery returns more than 1 row"));
                }
                SubqueryKind::List if self.found.len() >= MAX_LIST => {
                    return Err(Error::unsupported(format!("a subquery of more than {MAX_LIST} values")));
                }
                SubqueryKind::Value | SubqueryKind::List => self.found.push(value),
            }
        }
        Ok(true)
    }
}
