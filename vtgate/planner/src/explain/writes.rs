//! Prints the steps that write rows that were read first.

use std::fmt;

use super::{line, primitive};
use crate::{EachRow, InsertRowsOf, KeyedDml, LookupChange, MoveRows, RowsAt, Upsert};

pub(super) fn print_keyed(dml: &KeyedDml, depth: usize, out: &mut String) -> fmt::Result {
    let at = match &dml.at {
        RowsAt::Vindex(vindex, _) => format!(" by {}", vindex.name),
        other => Place(other).to_string(),
    };
    line(out, depth, format_args!("Change rows of {}.{}{at}", dml.keyspace, dml.table))?;
    let set = match dml.new_values.as_slice() {
        [] => String::new(),
        columns => format!(" set {} = ...", columns.join(" = ..., ")),
    };
    line(out, depth + 1, format_args!("{}{set} where ({}) in (...)", dml.query, dml.key.join(", ")))?;
    print_lookups(&dml.lookups, depth + 1, out)?;
    primitive(&dml.input, depth + 1, out)
}

pub(super) fn print_move(moved: &MoveRows, depth: usize, out: &mut String) -> fmt::Result {
    let MoveRows { keyspace, table, vindex, delete, insert, key, new_vindex, .. } = moved;
    line(out, depth, format_args!("Move rows of {keyspace}.{table} by {}({new_vindex:?})", vindex.name))?;
    let deeper = depth + 1;
    line(out, deeper, format_args!("{delete} where ({}) in (...)", key.join(", ")))?;
    line(out, deeper, format_args!("{insert}(...)"))?;
    print_lookups(&moved.lookups, deeper, out)?;
    primitive(&moved.input, deeper, out)
}

pub(super) fn print_upsert(upsert: &Upsert, depth: usize, out: &mut String) -> fmt::Result {
    let Upsert { keyspace, table, rows } = upsert;
    line(out, depth, format_args!("Upsert {keyspace} {table}"))?;
    for row in rows {
        line(out, depth + 1, "row")?;
        for conflict in &row.conflicts {
            line(out, depth + 2, "in the way")?;
            primitive(&conflict.find, depth + 3, out)?;
            match &conflict.update {
                Some(update) => primitive(update, depth + 3, out)?,
                None => line(out, depth + 3, "nothing changes")?,
            }
        }
        line(out, depth + 2, "else")?;
        primitive(&row.insert, depth + 3, out)?;
    }
    Ok(())
}

/// Where rows go, after a blank.
struct Place<'a>(&'a RowsAt);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            RowsAt::OnlyShard => Ok(()),
            RowsAt::Vindex(vindex, places) => write!(f, " by {}({places:?})", vindex.name),
            RowsAt::KeyspaceId(id) => {
                write!(f, " at keyspace id ")?;
                id.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
            RowsAt::EveryShard => write!(f, " on every shard"),
        }
    }
}

pub(super) fn print_insert_rows(insert: &InsertRowsOf, depth: usize, out: &mut String) -> fmt::Result {
    line(
        out,
        depth,
        format_args!("Insert rows into {}.{}{}", insert.keyspace, insert.table, Place(&insert.at)),
    )?;
    let deeper = depth + 1;
    line(out, deeper, format_args!("{}(...){}", insert.prefix, insert.suffix))?;
    if let Some(generate) = &insert.generate {
        let text = format_args!("{} from {}: {}", generate.column, generate.keyspace, generate.query);
        line(out, deeper, text)?;
    }
    print_lookups(&insert.lookups, deeper, out)?;
    primitive(&insert.rows.input, deeper, out)
}

pub(super) fn print_each_row(each: &EachRow, depth: usize, out: &mut String) -> fmt::Result {
    line(out, depth, "For each row of")?;
    primitive(&each.rows.input, depth + 1, out)?;
    line(out, depth, "do")?;
    primitive(&each.write, depth + 1, out)
}

fn print_lookups(lookups: &[LookupChange], depth: usize, out: &mut String) -> fmt::Result {
    lookups.iter().try_for_each(|change| {
        let LookupChange { lookup, old, new, .. } = change;
        let at = |positions: &Option<Vec<usize>>| match positions {
            Some(positions) => format!("{positions:?}"),
            None => "none".to_owned(),
        };
        line(out, depth, format_args!("lookup {}: {} to {}", lookup.name, at(old), at(new)))
    })
}
