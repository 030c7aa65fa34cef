//! Rows of several queries, one after the other.

use planner::Concat;
use sqltypes::{Field, Row, Type};
use vterrors::{Error, Result};

use super::{Run, aggregate::COLUMN_FLAGS};
use crate::executor::{Collected, Outcome, Sink, sink::give};

/// MySQL's flag of a column that has no NULL.
const NOT_NULL: u32 = 1;

impl Run<'_> {
    /// The rows are kept until all queries have told their columns' types: were they not the same, the statement
    /// would have to be answered in another way.
    pub(super) async fn concat(&mut self, concat: &Concat, sink: &mut dyn Sink) -> Result<Outcome> {
        let mut all = Collected::default();
        for (at, input) in concat.inputs.iter().enumerate() {
            let mut one = self.collector();
            Box::pin(self.primitive(input, &mut one)).await?;
            match at {
                0 => all.fields = one.kept.fields,
                _ => put_together(&mut all.fields, &one.kept.fields)?,
            }
            for column in &concat.collations {
                has_one_value(*column, all.rows.first(), one.kept.rows.first())?;
            }
            all.rows.extend(one.kept.rows);
        }
        all.fields.iter_mut().for_each(as_result);
        give(sink, all.fields, all.rows).await
    }
}

/// The columns of both queries; refuses those whose values would have to be changed.
fn put_together(fields: &mut [Field], more: &[Field]) -> Result<()> {
    if fields.len() != more.len() {
        let text = "The used SELECT statements have a different number of columns";
        return Err(Error::mysql(1222, *b"21000", text));
    }
    for (field, other) in fields.iter_mut().zip(more) {
        let scaled = !sqltypes::is_integral(field.r#type());
        // Of two ENUMs MySQL makes a VARCHAR, which also has another order.
        let changes = matches!(field.r#type(), Type::Enum | Type::Set);
        let same = !changes
            && field.r#type == other.r#type
            && field.charset == other.charset
            && (!scaled || field.decimals == other.decimals);
        if !same {
            return Err(Error::unsupported(format!(
                "a UNION of column {} of type {} with one of type {}",
                field.name,
                field.r#type().as_str_name(),
                other.r#type().as_str_name(),
            )));
        }
        field.column_length = field.column_length.max(other.column_length);
        field.flags &= other.flags | !NOT_NULL;
    }
    Ok(())
}

/// Refuses rows of different collations: one's weights say nothing about the other's. Shards convert text to the client's
/// character set, so that the columns' types do not tell. Within a query's rows a column has one.
fn has_one_value(column: usize, before: Option<&Row>, after: Option<&Row>) -> Result<()> {
    let name = |row| sqltypes::value_at(row, column).flatten();
    let (Some(before), Some(after)) = (before.and_then(name), after.and_then(name)) else { return Ok(()) };
    if before == after {
        return Ok(());
    }
    let shown = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
    Err(Error::unsupported(format!(
        "a UNION of rows by columns of collation {} and {}",
        shown(before),
        shown(after)
    )))
}

/// A column of a UNION is none of a table's.
fn as_result(field: &mut Field) {
    for name in [&mut field.table, &mut field.org_table, &mut field.database, &mut field.org_name] {
        name.clear();
    }
    field.flags &= !(COLUMN_FLAGS & !NOT_NULL);
}
