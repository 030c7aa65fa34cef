//! What is printed: Vitess's form of text, with the plan before the queries, and its keys in JSON.

use std::fmt::{self, Write};

use serde_json::{Map, Value, json};
use sqltypes::BindVars;

use crate::{
    queries::{Query, To},
    statement::{Answer, Explained},
    text::literal,
};

const RULE: &str = "----------------------------------------------------------------------";

/// One block a statement: its text, its plan, and `time keyspace/shard: query` a line.
pub fn text(explained: &[Explained]) -> String {
    let mut out = String::new();
    for explained in explained {
        // Writing to a String cannot fail.
        let _ = block(&mut out, explained);
    }
    if !explained.is_empty() {
        out.push_str(RULE);
        out.push('\n');
    }
    out
}

fn block(out: &mut String, explained: &Explained) -> fmt::Result {
    writeln!(out, "{RULE}\n{}\n", explained.sql)?;
    match &explained.answer {
        Answer::Planned { plan, queries } => {
            writeln!(out, "{}\n", planner::explain(plan).trim_end())?;
            for query in queries {
                writeln!(out, "{} {}{}: {}", query.time, place(query), why(query), query.filled)?;
            }
            if !queries.is_empty() {
                out.push('\n');
            }
        }
        Answer::OfSession(what) => writeln!(out, "{what}\n")?,
        Answer::Refused(e) => {
            let code = e.mysql_code();
            writeln!(out, "error: {} ({}) {}\n", code.errno, code.sqlstate_str(), e.message())?;
        }
    }
    Ok(())
}

/// `keyspace/shard`
fn place(query: &Query) -> String {
    match &query.to {
        To::Shard(shard) => format!("{}/{shard}", query.keyspace),
        To::Known { .. } => format!("{}/?", query.keyspace),
    }
}

fn why(query: &Query) -> String {
    match &query.to {
        To::Shard(_) => String::new(),
        To::Known { by } => format!(" (known by {by})"),
    }
}

/// A list of objects: `SQL`; `Plans` and `Tree`, the plan as data and as text; `TabletActions`, by
/// `keyspace/shard`, with the queries as the tablet and as its mysqld gets them; `Error` of a statement that is
/// refused; `Session` of one that is not planned.
pub fn json(explained: &[Explained]) -> String {
    let all: Vec<Value> = explained.iter().map(object).collect();
    // Values of our own making are always JSON.
    serde_json::to_string_pretty(&all).unwrap_or_default() + "\n"
}

fn object(explained: &Explained) -> Value {
    let mut out = Map::new();
    out.insert("SQL".into(), explained.sql.clone().into());
    match &explained.answer {
        Answer::Planned { plan, queries } => {
            out.insert("Plans".into(), json!([plan]));
            out.insert("Tree".into(), planner::explain(plan).lines().collect());
            out.insert("TabletActions".into(), actions(queries));
        }
        Answer::OfSession(what) => drop(out.insert("Session".into(), (*what).into())),
        Answer::Refused(e) => {
            let code = e.mysql_code();
            let error = json!({
                "Errno": code.errno,
                "SQLState": code.sqlstate_str(),
                "Message": e.message(),
            });
            out.insert("Error".into(), error);
        }
    }
    Value::Object(out)
}

fn actions(queries: &[Query]) -> Value {
    let mut places: Map<String, Value> = Map::new();
    for query in queries {
        let entry =
            places.entry(place(query)).or_insert_with(|| json!({ "TabletQueries": [], "MysqlQueries": [] }));
        let binds = named(&query.values);
        let mut tablet = json!({ "Time": query.time, "SQL": query.sql, "BindVars": binds });
        let mut mysql = json!({ "Time": query.time, "SQL": query.filled });
        if let To::Known { by } = &query.to {
            tablet["KnownBy"] = by.clone().into();
            mysql["KnownBy"] = by.clone().into();
        }
        for (list, value) in [("TabletQueries", tablet), ("MysqlQueries", mysql)] {
            if let Some(list) = entry[list].as_array_mut() {
                list.push(value);
            }
        }
    }
    Value::Object(places)
}

fn named(values: &BindVars) -> Value {
    let mut names: Vec<_> = values.iter().collect();
    names.sort_by_key(|(name, _)| *name);
    names
        .into_iter()
        .map(|(name, value)| (name.clone(), Value::from(literal(value))))
        .collect::<Map<_, _>>()
        .into()
}
