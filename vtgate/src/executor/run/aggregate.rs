//! Groups over several shards: their rows are folded as they come, so that only the groups are kept.

use async_trait::async_trait;
use eval::{Aggregator, Comparator};
use planner::{Aggregate, AggregateColumn, AggregateFunction, FoldContext, Primitive, ValueRef};
use sqltypes::{BindVars, Field, Row, Type};
use vterrors::{Error, Result};

use super::{Run, merge::truncate};
use crate::executor::{Outcome, Sink, binds, sink::give};

impl Run<'_> {
    pub(super) async fn aggregate(&mut self, aggregate: &Aggregate, sink: &mut dyn Sink) -> Result<Outcome> {
        // The separators of GROUP_CONCAT and the numbers of HAVING are the statement's own.
        let asks = |column: &AggregateColumn| matches!(column.function, AggregateFunction::Concat { .. });
        let asked = aggregate.having.is_some() || aggregate.columns.iter().any(asks);
        let own = if asked { self.binds.clone() } else { BindVars::new() };
        let value = move |reference: &ValueRef| {
            let (ty, bytes) = binds::value(reference, &own)?;
            Ok((ty != Type::NullType).then(|| bytes.to_vec()))
        };
        let group_concat_max_len = self
            .session
            .system_variables
            .get("group_concat_max_len")
            .and_then(|text| text.parse().ok())
            .unwrap_or(GROUP_CONCAT_MAX_LEN);
        let averages =
            |column: &AggregateColumn| matches!(column.function, AggregateFunction::AvgRows { .. });
        if aggregate.columns.iter().any(averages)
            && self.session.system_variables.contains_key("div_precision_increment")
        {
            return Err(Error::unsupported("averages above a join with a div_precision_increment"));
        }
        let max_groups = self.collector().most;
        let context = FoldContext { max_groups, group_concat_max_len, value: &value };
        let mut folding = Folding { aggregate, context, fields: Vec::new(), running: None };
        match &aggregate.input {
            Primitive::Route(route) => self.route(route, &mut folding).await?,
            other => Box::pin(self.primitive(other, &mut folding)).await?,
        };
        let Some((aggregator, order)) = folding.running else {
            return Err(Error::internal("the shards gave no columns to group"));
        };
        let hidden = if aggregate.keeps_hidden { 0 } else { aggregate.hidden_columns };
        let all = folding.fields.len();
        let keep = all.saturating_sub(hidden);
        let having = aggregate.test(folding.fields.len(), &value)?;
        having.iter().try_for_each(|test| test.check(&folding.fields))?;
        let mut rows = aggregator.finish(having.as_ref(), order.as_ref())?;
        rows.iter_mut().for_each(|row| truncate(row, keep));
        folding.fields.truncate(keep);
        for column in &aggregate.columns {
            let at = column.column.index(all, aggregate.hidden_columns);
            if let Some(field) = folding.fields.get_mut(at) {
                as_function(field, &column.function);
            }
        }
        give(sink, folding.fields, rows).await
    }
}

/// A column that was folded from rows is none of a table's.
fn as_function(field: &mut Field, function: &AggregateFunction) {
    if matches!(function, AggregateFunction::CountRows) {
        *field = sqltypes::int_field(&field.name, Type::Int64);
    }
    if field.org_table.is_empty() && field.org_name.is_empty() {
        return;
    }
    for name in [&mut field.table, &mut field.org_table, &mut field.database, &mut field.org_name] {
        name.clear();
    }
    field.flags &= !COLUMN_FLAGS;
    if matches!(function, AggregateFunction::Count | AggregateFunction::CountRows) {
        field.column_length = COUNT_LENGTH;
    }
}

/// The column of a sum (or of an average, which has more digits after the point) of a column's values, as MySQL makes
/// it: exact of whole numbers and decimals, a double of doubles.
fn as_sum(field: &mut Field, more_digits: u32) -> Result<()> {
    let ty = field.r#type();
    if !eval::can_be_added(ty) {
        return Err(Error::unsupported(format!("SUM or AVG of a {} above a join", ty.as_str_name())));
    }
    let more_digits = more_digits.min(30_u32.saturating_sub(field.decimals));
    if sqltypes::is_float(ty) {
        if field.decimals < NOT_FIXED {
            field.decimals += more_digits;
            field.column_length = 17 + field.decimals;
        }
    } else {
        let is_whole = sqltypes::is_integral(ty);
        let point = u32::from(field.decimals > 0);
        let sign = u32::from(!is_whole || sqltypes::is_signed(ty));
        let digits = field.column_length.saturating_sub(point + sign);
        let digits = if more_digits > 0 { digits + more_digits } else { digits + 22 }.min(65);
        field.decimals += more_digits;
        field.column_length = digits + 1 + u32::from(field.decimals > 0);
        field.set_type(Type::Decimal);
    }
    for name in [&mut field.table, &mut field.org_table, &mut field.database, &mut field.org_name] {
        name.clear();
    }
    field.flags = BINARY;
    Ok(())
}

/// The decimals of a double that has no fixed number of them.
const NOT_FIXED: u32 = 31;

/// MySQL's flag of what has no collation.
const BINARY: u32 = 128;

/// NOT NULL, keys, auto-increment, no default, on update now, part of a key (MySQL's `mysql_com.h`).
pub(super) const COLUMN_FLAGS: u32 = 1 | 2 | 4 | 8 | 512 | 4096 | 8192 | 16384;

/// MySQL's own `group_concat_max_len`, in bytes.
const GROUP_CONCAT_MAX_LEN: usize = 1024;

/// The length that MySQL gives a COUNT.
const COUNT_LENGTH: u32 = 21;

/// Takes the shards' rows.
struct Folding<'a> {
    aggregate: &'a Aggregate,
    context: FoldContext<'a>,
    fields: Vec<Field>,
    running: Option<(Aggregator, Option<Comparator>)>,
}

#[async_trait]
impl Sink for Folding<'_> {
    async fn fields(&mut self, fields: Vec<Field>) -> Result<()> {
        let aggregator = self.aggregate.aggregator(&fields, &self.context)?;
        let mut fields = fields;
        for column in &self.aggregate.columns {
            let at = column.column.index(fields.len(), self.aggregate.hidden_columns);
            let more_digits = match column.function {
                AggregateFunction::SumRows => 0,
                AggregateFunction::AvgRows { .. } => 4,
                _ => continue,
            };
            if let Some(field) = fields.get_mut(at) {
                as_sum(field, more_digits)?;
            }
        }
        self.running = Some((aggregator, self.aggregate.order(&fields)?));
        self.fields = fields;
        Ok(())
    }

    async fn rows(&mut self, rows: Vec<Row>) -> Result<bool> {
        if let Some((aggregator, _)) = &mut self.running {
            rows.iter().try_for_each(|row| aggregator.push(row))?;
        }
        Ok(true)
    }
}
