//! A plan as a printed tree: for golden tests, `VEXPLAIN PLAN` and `/debug/query_plans`.

mod join;
mod writes;

use std::fmt::{self, Display, Write};

use crate::plan::sign_of;
use crate::{
    Aggregate, AggregateColumn, AggregateFunction, ColumnAt, Directives, Dml, Gather, GatherStep, Generate,
    Having, HavingSide, Insert, InsertRows, LiteralValue, LoadShape, OrderBy, Plan, Primitive, Route,
    Routing, SameShardPart, Send, SendTo, SessionValue, ValueRef,
};

/// The plan, one step or property a line, two spaces deeper for what a step works on.
pub fn explain(plan: &Plan) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = print_plan(plan, &mut out);
    out
}

fn print_plan(plan: &Plan, out: &mut String) -> fmt::Result {
    primitive(&plan.root, 0, out)?;
    if !plan.tables_used.is_empty() {
        writeln!(out, "tables: {}", plan.tables_used.join(", "))?;
    }
    if let Some(bound) = &plan.literal_bound {
        writeln!(out, "literal bound: {}", bound.reason)?;
    }
    for bind in &plan.session_values {
        writeln!(out, "session: :{} = {}", bind.bind, session_value(&bind.value))?;
    }
    print_directives(&plan.directives, out)?;
    for warning in &plan.warnings {
        match warning {
            crate::PlanWarning::LookupNotMaintained { vindexes, .. } => {
                writeln!(out, "warning: {} ({})", warning.name(), vindexes.join(", "))?;
            }
            crate::PlanWarning::Scatter | crate::PlanWarning::Gather => {
                writeln!(out, "warning: {}", warning.name())?
            }
        }
    }
    Ok(())
}

fn print_directives(directives: &Directives, out: &mut String) -> fmt::Result {
    let Directives {
        scatter_errors_as_warnings,
        allow_scatter,
        multi_shard_autocommit,
        skip_query_plan_cache,
        ignore_max_memory_rows,
        allow_hash_join,
        query_timeout_ms,
        workload_name,
        priority,
    } = directives;
    let flags = [
        (*scatter_errors_as_warnings, "scatter_errors_as_warnings"),
        (*allow_scatter, "allow_scatter"),
        (*multi_shard_autocommit, "multi_shard_autocommit"),
        (*skip_query_plan_cache, "skip_query_plan_cache"),
        (*ignore_max_memory_rows, "ignore_max_memory_rows"),
        (*allow_hash_join, "allow_hash_join"),
    ];
    let flags = flags.into_iter().filter(|(on, _)| *on).map(|(_, name)| name.to_owned());
    let timeout = query_timeout_ms.map(|ms| format!("query_timeout_ms={ms}"));
    let workload = workload_name.as_ref().map(|name| format!("workload_name={name}"));
    let priority = priority.map(|p| format!("priority={p}"));
    let all: Vec<String> = flags.chain(timeout).chain(workload).chain(priority).collect();
    if all.is_empty() { Ok(()) } else { writeln!(out, "directives: {}", all.join(", ")) }
}

fn session_value(value: &SessionValue) -> String {
    match value {
        SessionValue::Database => "database()".to_owned(),
        SessionValue::LastInsertId => "last_insert_id()".to_owned(),
        SessionValue::FoundRows => "found_rows()".to_owned(),
        SessionValue::RowCount => "row_count()".to_owned(),
        SessionValue::ConnectionId => "connection_id()".to_owned(),
        SessionValue::User => "user()".to_owned(),
        SessionValue::Version => "version()".to_owned(),
        SessionValue::UserVariable(name) => format!("@{name}"),
        SessionValue::SystemVariable { name, global: false } => format!("@@{name}"),
        SessionValue::SystemVariable { name, global: true } => format!("@@global.{name}"),
    }
}

fn primitive(primitive: &Primitive, depth: usize, out: &mut String) -> fmt::Result {
    match primitive {
        Primitive::Route(route) => print_route(route, depth, out),
        Primitive::Limit(limit) => {
            let offset = limit.offset.as_ref().map(|o| format!(" offset {}", Value(o))).unwrap_or_default();
            let all = if limit.count_all { ", counting all rows" } else { "" };
            line(out, depth, format_args!("Limit {}{offset}{all}", Value(&limit.count)))?;
            self::primitive(&limit.input, depth + 1, out)
        }
        Primitive::Aggregate(aggregate) => print_aggregate(aggregate, depth, out),
        Primitive::Sort(sort) => join::print_sort(sort, depth, out),
        Primitive::Join(one) => join::print_join(one, depth, out),
        Primitive::Project(project) => join::print_project(project, depth, out),
        Primitive::Concat(concat) => {
            line(out, depth, "Concatenate")?;
            concat.inputs.iter().try_for_each(|input| self::primitive(input, depth + 1, out))
        }
        Primitive::ValuesFirst(first) => join::print_values_first(first, depth, out),
        Primitive::Gather(gather) => print_gather(gather, depth, out),
        Primitive::All(writes) => {
            line(out, depth, "All of")?;
            writes.iter().try_for_each(|write| self::primitive(write, depth + 1, out))
        }
        Primitive::ChangeTables(changes) => {
            line(out, depth, "Change tables")?;
            changes.iter().try_for_each(|change| writes::print_keyed(change, depth + 1, out))
        }
        Primitive::IntoVariables(into) => {
            let names: Vec<_> = into.variables.iter().map(|v| format!("@{v}")).collect();
            line(out, depth, format_args!("Into {}", names.join(", ")))?;
            self::primitive(&into.input, depth + 1, out)
        }
        Primitive::AssignVariables(assign) => {
            line(out, depth, "Assign variables")?;
            line(out, depth + 1, &assign.set)?;
            self::primitive(&assign.input, depth + 1, out)?;
            line(out, depth + 1, &assign.get)
        }
        Primitive::VindexFunc(func) => {
            let names: Vec<_> = func.columns.iter().map(|(name, _)| name.as_str()).collect();
            let (keyspace, vindex) = (&func.keyspace, &func.vindex.name);
            let text = format_args!("Vindex {keyspace} {vindex}({})", Value(&func.values));
            line(out, depth, text)?;
            line(out, depth + 1, names.join(", "))
        }
        Primitive::Locks(locks) => {
            line(out, depth, format_args!("Locks {}", locks.keyspace))?;
            line(out, depth + 1, &locks.query)
        }
        Primitive::Insert(insert) => print_insert(insert, depth, out),
        Primitive::Update(dml) => print_dml("Update", dml, depth, out),
        Primitive::Delete(dml) => print_dml("Delete", dml, depth, out),
        Primitive::KeyedDml(dml) => writes::print_keyed(dml, depth, out),
        Primitive::MoveRows(moved) => writes::print_move(moved, depth, out),
        Primitive::InsertRowsOf(insert) => writes::print_insert_rows(insert, depth, out),
        Primitive::EachRow(each) => writes::print_each_row(each, depth, out),
        Primitive::Upsert(upsert) => writes::print_upsert(upsert, depth, out),
        Primitive::Send(send) => print_send(send, depth, out),
        Primitive::Rows(rows) => {
            let names: Vec<_> = rows.fields.iter().map(|f| f.name.as_str()).collect();
            line(out, depth, format_args!("Rows {}", names.join(", ")))?;
            rows.rows.iter().try_for_each(|row| {
                let values: Vec<_> = row.iter().map(|v| Value(v).to_string()).collect();
                line(out, depth + 1, format_args!("({})", values.join(", ")))
            })
        }
    }
}

fn print_gather(gather: &Gather, depth: usize, out: &mut String) -> fmt::Result {
    line(out, depth, format_args!("Gather on {}: {}", gather.keyspace, gather.reason))?;
    let deeper = depth + 1;
    for step in &gather.steps {
        match step {
            GatherStep::Load(load) => {
                line(out, deeper, format_args!("{} {}", load.name, Shape(&load.shape)))?;
                primitive(&load.input, deeper + 1, out)?;
                if let Some(keys) = &load.by_keys {
                    let text = format_args!("by ::{} of {}, column {}", keys.bind, keys.from, keys.column);
                    line(out, deeper + 1, text)?;
                    primitive(&keys.input, deeper + 2, out)?;
                }
            }
            GatherStep::Materialize { name, query } => line(out, deeper, format_args!("{name} as {query}"))?,
            GatherStep::Copy { name, from } => line(out, deeper, format_args!("{name} like {from}"))?,
        }
    }
    line(out, deeper, &gather.query)
}

struct Shape<'a>(&'a LoadShape);

impl Display for Shape<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            LoadShape::Columns { columns, unique_keys } => {
                let columns: Vec<_> =
                    columns.iter().map(|c| format!("{} {}", c.name, c.definition)).collect();
                write!(f, "({}", columns.join(", "))?;
                unique_keys.iter().try_for_each(|k| write!(f, "; unique {}", k.join(", ")))?;
                f.write_char(')')
            }
            LoadShape::Query { query, .. } => write!(f, "like {query}"),
            LoadShape::System { table } => write!(f, "like {table}"),
        }
    }
}

fn line(out: &mut String, depth: usize, text: impl Display) -> fmt::Result {
    writeln!(out, "{:width$}{text}", "", width = depth * 2)
}

fn print_route(route: &Route, depth: usize, out: &mut String) -> fmt::Result {
    line(out, depth, format_args!("Route {} {}", route.keyspace, Shards(&route.routing)))?;
    let deeper = depth + 1;
    line(out, deeper, &route.query)?;
    if !route.order_by.is_empty() {
        let items: Vec<_> = route.order_by.iter().map(|o| Order(o).to_string()).collect();
        line(out, deeper, format_args!("merge by {}", items.join(", ")))?;
    }
    if route.hidden_columns > 0 {
        line(out, deeper, format_args!("hidden columns: {}", route.hidden_columns))?;
    }
    if let Some(system) = &route.system_schema {
        let values: Vec<_> = system.schemas.iter().map(|v| Value(v).to_string()).collect();
        line(out, deeper, format_args!("system schema: {}", values.join(", ")).to_string().trim_end())?;
    }
    for (on, name) in [(route.is_locking, "locking"), (route.is_sequence, "sequence")] {
        if on {
            line(out, deeper, name)?;
        }
    }
    Ok(())
}

fn print_aggregate(aggregate: &Aggregate, depth: usize, out: &mut String) -> fmt::Result {
    let orders =
        |items: &[OrderBy]| items.iter().map(|o| Order(o).to_string()).collect::<Vec<_>>().join(", ");
    let keys = if aggregate.keys.is_empty() { "all".to_owned() } else { orders(&aggregate.keys) };
    line(out, depth, format_args!("Aggregate by {keys}"))?;
    let deeper = depth + 1;
    for AggregateColumn { column, function } in &aggregate.columns {
        let function = match function {
            AggregateFunction::Count => "count".to_owned(),
            AggregateFunction::CountRows => "count rows".to_owned(),
            AggregateFunction::Sum => "sum".to_owned(),
            AggregateFunction::SumRows => "sum rows".to_owned(),
            AggregateFunction::Min(by) => format!("min by {}", Order(by)),
            AggregateFunction::Max(by) => format!("max by {}", Order(by)),
            AggregateFunction::Avg { sum, count } | AggregateFunction::AvgRows { sum, count } => {
                format!("avg of sum {} and count {}", At(*sum), At(*count))
            }
            AggregateFunction::BitAnd => "bit_and".to_owned(),
            AggregateFunction::BitOr => "bit_or".to_owned(),
            AggregateFunction::BitXor => "bit_xor".to_owned(),
            AggregateFunction::Concat { separator: None } => "concat".to_owned(),
            AggregateFunction::Concat { separator: Some(value) } => format!("concat with {}", Value(value)),
            AggregateFunction::Variance { count, mean, variance, sample, root } => format!(
                "{}{} of count {}, mean {} and variance {}",
                if *sample { "sample " } else { "" },
                if *root { "deviation" } else { "variance" },
                At(*count),
                At(*mean),
                At(*variance),
            ),
        };
        line(out, deeper, format_args!("{}: {function}", At(*column)))?;
    }
    if let Some(having) = &aggregate.having {
        line(out, deeper, format_args!("having {}", Condition(having)))?;
    }
    if !aggregate.order_by.is_empty() {
        line(out, deeper, format_args!("sort by {}", orders(&aggregate.order_by)))?;
    }
    if aggregate.hidden_columns > 0 {
        let kept = if aggregate.keeps_hidden { " (kept)" } else { "" };
        line(out, deeper, format_args!("hidden columns: {}{kept}", aggregate.hidden_columns))?;
    }
    primitive(&aggregate.input, deeper, out)
}

fn print_insert(insert: &Insert, depth: usize, out: &mut String) -> fmt::Result {
    let verb = if insert.replace { "Replace" } else { "Insert" };
    let ignore = if insert.ignore { " ignore" } else { "" };
    let deeper = depth + 1;
    match &insert.rows {
        InsertRows::Whole { routing, query } => {
            line(out, depth, format_args!("{verb}{ignore} {} {}", insert.keyspace, Shards(routing)))?;
            line(out, deeper, query)?;
        }
        InsertRows::Sharded { vindex, prefix, rows, suffix } => {
            line(out, depth, format_args!("{verb}{ignore} {} by {}", insert.keyspace, vindex.name))?;
            line(out, deeper, prefix.trim_end())?;
            for row in rows {
                let binds = row.vindex_binds.iter().zip(&row.vindex_values);
                let values: Vec<_> =
                    binds.map(|(bind, value)| format!(":{bind} = {}", Value(value))).collect();
                line(out, deeper, format_args!("{} with {}", row.text, values.join(", ")))?;
            }
            if !suffix.trim().is_empty() {
                line(out, deeper, suffix.trim())?;
            }
        }
    }
    for change in &insert.lookups {
        line(out, deeper, format_args!("lookup {}", change.lookup.name))?;
    }
    match &insert.generate {
        Some(generate) => print_generate(generate, deeper, out),
        None => Ok(()),
    }
}

fn print_generate(generate: &Generate, depth: usize, out: &mut String) -> fmt::Result {
    let values: Vec<_> = generate.values.iter().map(|v| Value(v).to_string()).collect();
    let Generate { keyspace, query, column, .. } = generate;
    line(out, depth, format_args!("sequence for {column} of ({}): {keyspace} {query}", values.join(", ")))
}

fn print_dml(verb: &str, dml: &Dml, depth: usize, out: &mut String) -> fmt::Result {
    let reference = if dml.is_reference { " reference" } else { "" };
    line(out, depth, format_args!("{verb} {} {}{reference}", dml.keyspace, Shards(&dml.routing)))?;
    line(out, depth + 1, &dml.query)
}

fn print_send(send: &Send, depth: usize, out: &mut String) -> fmt::Result {
    let to = match &send.destination {
        SendTo::AllShards => "to all shards".to_owned(),
        SendTo::AnyShard => "to any shard".to_owned(),
        SendTo::Shard(shard) => format!("to {shard}"),
    };
    let ddl = if send.is_ddl { " ddl" } else { "" };
    line(out, depth, format_args!("Send {} {to}{ddl}", send.keyspace))?;
    line(out, depth + 1, &send.query)
}

struct Shards<'a>(&'a Routing);

impl Display for Shards<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name())?;
        match self.0 {
            Routing::EqualUnique { vindex, values } | Routing::SubShard { vindex, values } => {
                write!(f, " {}({})", vindex.name, list(values))
            }
            Routing::In { vindex, values } => write!(f, " {}({})", vindex.name, Value(values)),
            Routing::MultiEqual { vindex, tuples } => {
                let tuples: Vec<_> = tuples.iter().map(|t| format!("({})", list(t))).collect();
                write!(f, " {}({})", vindex.name, tuples.join(", "))
            }
            Routing::SameShard { parts } => {
                let part = |part: &SameShardPart| match part {
                    SameShardPart::Vindex { vindex, values } => format!("{}({})", vindex.name, list(values)),
                    SameShardPart::KeyspaceId(id) => hex(id),
                };
                let parts: Vec<_> = parts.iter().map(part).collect();
                write!(f, " {}", parts.join(", "))
            }
            Routing::Lookup(read) => write!(f, " {}({})", read.lookup.name, Value(&read.values)),
            Routing::KeyspaceIds(ids) => {
                write!(f, " {}", ids.iter().map(|id| hex(id)).collect::<Vec<_>>().join(", "))
            }
            Routing::KeyspaceId(id) => write!(f, " {}", hex(id)),
            Routing::ByTarget { shard } => write!(f, " {shard}"),
            Routing::Unsharded | Routing::Scatter | Routing::AnyShard | Routing::Reference => Ok(()),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn list(values: &[ValueRef]) -> String {
    values.iter().map(|v| Value(v).to_string()).collect::<Vec<_>>().join(", ")
}

struct Value<'a>(&'a ValueRef);

impl Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ValueRef::Null => f.write_str("null"),
            ValueRef::Bind(name) => write!(f, ":{name}"),
            ValueRef::ListBind(name) => write!(f, "::{name}"),
            ValueRef::List(values) => write!(f, "({})", list(values)),
            ValueRef::Literal(
                LiteralValue::Integer(t) | LiteralValue::Decimal(t) | LiteralValue::Float(t),
            ) => f.write_str(t),
            ValueRef::Literal(LiteralValue::Bytes(bytes)) => {
                write!(f, "'{}'", String::from_utf8_lossy(bytes))
            }
            ValueRef::Literal(LiteralValue::Binary(bytes)) => write!(f, "x'{}'", hex(bytes)),
        }
    }
}

struct At(ColumnAt);

impl Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ColumnAt::Start(at) => write!(f, "{at}"),
            ColumnAt::Hidden(at) => write!(f, "hidden {at}"),
        }
    }
}

/// A condition on groups.
struct Condition<'a>(&'a Having);

impl Display for Condition<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |parts: &[Having], between: &str| {
            parts.iter().map(|part| Condition(part).to_string()).collect::<Vec<_>>().join(between)
        };
        match self.0 {
            Having::All(parts) => write!(f, "({})", joined(parts, " and ")),
            Having::Any(parts) => write!(f, "({})", joined(parts, " or ")),
            Having::Null { column, not } => {
                write!(f, "{} is {}null", At(*column), if *not { "not " } else { "" })
            }
            Having::Compare { column, is, with } => {
                write!(f, "{} {} ", At(*column), sign_of(*is))?;
                match with {
                    HavingSide::Column(column) => At(*column).fmt(f),
                    HavingSide::Value(value) => Value(value).fmt(f),
                }
            }
        }
    }
}

struct Order<'a>(&'a OrderBy);

impl Display for Order<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        At(self.0.column).fmt(f)?;
        let weight = self.0.weight_string.iter().map(|w| format!("weight {}", At(*w)));
        let column = self.0.collation_column.iter().map(|c| format!("collation {}", At(*c)));
        let known = self.0.collation.clone();
        let notes: Vec<String> = weight.chain(column).chain(known).collect();
        if !notes.is_empty() {
            write!(f, " ({})", notes.join(", "))?;
        }
        f.write_str(if self.0.desc { " desc" } else { "" })
    }
}
