//! Joins and what goes with them, printed.

use std::fmt;

use super::{Condition, Order, line, primitive};
use crate::{Join, JoinColumn, OrderBy, Project, Sort, SubqueryKind, ValuesFirst};

pub(super) fn print_sort(sort: &Sort, depth: usize, out: &mut String) -> fmt::Result {
    line(out, depth, format_args!("Sort by {}", orders(&sort.order_by)))?;
    if sort.hidden_columns > 0 {
        line(out, depth + 1, format_args!("hidden columns: {}", sort.hidden_columns))?;
    }
    primitive(&sort.input, depth + 1, out)
}

fn orders(items: &[OrderBy]) -> String {
    items.iter().map(|item| Order(item).to_string()).collect::<Vec<_>>().join(", ")
}

pub(super) fn print_join(join: &Join, depth: usize, out: &mut String) -> fmt::Result {
    let on: Vec<String> =
        join.on.iter().map(|key| format!("{} = {}", Order(&key.left), Order(&key.right))).collect();
    let on = if on.is_empty() { "all".to_owned() } else { on.join(" and ") };
    line(out, depth, format_args!("{} on {on}", join.kind.name()))?;
    let deeper = depth + 1;
    let columns: Vec<String> = join
        .columns
        .iter()
        .map(|column| match column {
            JoinColumn::Left(at) => format!("L{at}"),
            JoinColumn::Right(at) => format!("R{at}"),
        })
        .collect();
    line(out, deeper, format_args!("columns: {}", columns.join(" ")))?;
    if !join.only_if.is_empty() {
        line(out, deeper, format_args!("only if true: L{}", listed(&join.only_if, " L")))?;
    }
    if !join.null_columns.is_empty() {
        line(out, deeper, format_args!("must be NULL: R{}", listed(&join.null_columns, " R")))?;
    }
    primitive(&join.left, deeper, out)?;
    match &join.by_keys {
        Some(keys) => {
            line(out, deeper, format_args!("by ::{} of L{}", keys.bind, keys.left_column))?;
            primitive(&keys.input, deeper, out)
        }
        None => primitive(&join.right, deeper, out),
    }
}

pub(super) fn print_project(project: &Project, depth: usize, out: &mut String) -> fmt::Result {
    let columns: Vec<String> =
        project.columns.iter().map(|column| format!("{} {}", column.column, column.name)).collect();
    line(out, depth, format_args!("Project {}", columns.join(", ")))?;
    if let Some(filter) = &project.filter {
        line(out, depth + 1, format_args!("where {}", Condition(filter)))?;
    }
    primitive(&project.input, depth + 1, out)
}

fn listed(columns: &[usize], between: &str) -> String {
    columns.iter().map(ToString::to_string).collect::<Vec<_>>().join(between)
}

pub(super) fn print_values_first(first: &ValuesFirst, depth: usize, out: &mut String) -> fmt::Result {
    line(out, depth, "Values first")?;
    for subquery in &first.subqueries {
        let what = match subquery.kind {
            SubqueryKind::Value => format!(":{}", subquery.bind),
            SubqueryKind::List => format!("::{}", subquery.bind),
            SubqueryKind::Exists => format!(":{} exists", subquery.bind),
        };
        line(out, depth + 1, what)?;
        primitive(&subquery.input, depth + 2, out)?;
    }
    primitive(&first.input, depth + 1, out)
}
