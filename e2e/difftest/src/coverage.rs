//! Which primitives and routings the statements reach, read from `VEXPLAIN PLAN`.
//!
//! Names are taken as they come in the plan, so that a new primitive is counted without a word here. What a run
//! of some length has to reach is listed in [`MUST`].

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use mysql_async::Conn;
use serde_json::Value;

use crate::{
    answer::{Answer, ask},
    pair::LIMIT,
};

/// What has to be reached, each of them by one statement of [`ONE_OF`].
pub const MUST: &[&str] = &[
    "Aggregate",
    "ChangeTables",
    "Concat",
    "Delete",
    "EachRow",
    "Gather",
    "Insert",
    "InsertRowsOf",
    "Join Anti",
    "Join Inner",
    "Join Left",
    "Join Semi",
    "KeyedDml",
    "Limit",
    "MoveRows",
    "Route",
    "Send",
    "Sort",
    "Update",
    "Upsert",
    "ValuesFirst",
    "routing AnyShard",
    "routing EqualUnique",
    "routing In",
    "routing Lookup",
    "routing MultiEqual",
    "routing Reference",
    "routing SameShard",
    "routing Scatter",
    "routing SubShard",
    "routing Unsharded",
];
/// 1,000 of 200,000.
pub const ONE_OF: u64 = 200;

/// Parts of a plan that are written as primitives are, and are none.
const PARTS: &[&str] = &[
    "Avg",
    "Columns",
    "Copy",
    "KeyspaceId",
    "Literal",
    "Load",
    "LookupNotMaintained",
    "Materialize",
    "Max",
    "Min",
    "Query",
    "Sharded",
    "Vindex",
    "Whole",
];

/// How many statements reached what.
#[derive(Debug, Clone, Default)]
pub struct Coverage {
    pub statements: u64,
    pub reached: BTreeMap<String, u64>,
}

impl Coverage {
    /// Asks vtgate for the plan. A statement without one is passed over.
    pub async fn look(&mut self, vtgate: &mut Conn, sql: &str) {
        self.statements += 1;
        let Answer::Rows(rows) = ask(vtgate, &format!("VEXPLAIN PLAN {sql}"), LIMIT).await else { return };
        let text = rows.rows.first().and_then(|row| row.first().cloned().flatten()).unwrap_or_default();
        let plan: Value = serde_json::from_slice(&text).unwrap_or_default();
        for name in names(&plan) {
            *self.reached.entry(name).or_default() += 1;
        }
    }

    /// What of [`MUST`] was reached less often than once in [`ONE_OF`] statements.
    pub fn lacks(&self) -> Vec<&'static str> {
        let times = |name: &str| self.reached.get(name).copied().unwrap_or_default();
        MUST.iter().copied().filter(|name| times(name) < self.statements / ONE_OF).collect()
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "statements whose plan has ({} of {ONE_OF} are wanted of those with *):", 1)?;
        for (name, times) in &self.reached {
            let must = if MUST.contains(&name.as_str()) { "*" } else { " " };
            writeln!(f, "  {times:7} {must} {name}")?;
        }
        match self.lacks().as_slice() {
            [] => Ok(()),
            lacks => writeln!(f, "reached too seldom: {}", lacks.join(", ")),
        }
    }
}

/// The primitives and routings of a plan, each once. A node is either an object with `OperatorType` and maybe
/// `Variant`, or an enum's value: an object with one key that begins with a capital letter.
pub fn names(plan: &Value) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    collect(plan, "", &mut names);
    names
}

fn collect(value: &Value, under: &str, names: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, under, names)),
        Value::Object(object) => {
            if let Some(operator) = object.get("OperatorType").and_then(Value::as_str) {
                names.insert(operator.to_owned());
                let variant = object.get("Variant").and_then(Value::as_str);
                names.extend(variant.map(|v| format!("routing {v}")));
            }
            let only = object.iter().next().filter(|_| object.len() == 1);
            match only {
                Some((name, _)) if under == "routing" => {
                    names.insert(format!("routing {name}"));
                }
                Some((name, Value::Object(node)))
                    if name.starts_with(char::is_uppercase) && !PARTS.contains(&name.as_str()) =>
                {
                    // What kind of join it is.
                    let kind = node.get("kind").and_then(Value::as_str);
                    names.insert(kind.map_or(name.clone(), |kind| format!("{name} {kind}")));
                }
                // A primitive of several others.
                Some((name, Value::Array(nodes)))
                    if name == "ChangeTables" && nodes.iter().all(Value::is_object) =>
                {
                    names.insert(name.clone());
                }
                _ => {}
            }
            object.iter().for_each(|(key, inner)| collect(inner, key, names));
        }
        Value::String(text) if under == "routing" => {
            names.insert(format!("routing {text}"));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nodes_and_routings_are_named_in_both_forms_of_a_plan() {
        let ours = json!({"root": {"Limit": {"count": {"Literal": {"Integer": "3"}}, "input": {"Route": {
            "routing": {"EqualUnique": {"values": [{"Bind": "v1"}]}}}}}}});
        assert_eq!(Vec::from_iter(names(&ours)), ["Limit", "Route", "routing EqualUnique"]);
        let ours = json!({"root": {"Update": {"routing": "Scatter", "query": "update t set a = 1"}}});
        assert_eq!(Vec::from_iter(names(&ours)), ["Update", "routing Scatter"]);
        let theirs =
            json!({"OperatorType": "Join", "Inputs": [{"OperatorType": "Route", "Variant": "Scatter"}]});
        assert_eq!(Vec::from_iter(names(&theirs)), ["Join", "Route", "routing Scatter"]);
    }

    #[test]
    fn what_is_reached_too_seldom_is_named() {
        let reached = MUST.iter().map(|name| ((*name).to_owned(), 1)).collect();
        let mut coverage = Coverage { statements: ONE_OF, reached };
        assert!(coverage.lacks().is_empty());
        coverage.statements = 2 * ONE_OF;
        assert_eq!(coverage.lacks(), MUST);
    }
}
