//! What is wrong with a VSchema, in words that name the thing: for ApplyVSchema, which refuses it, and for
//! vtgate, which leaves the part out.

use std::fmt;

use proto::vschema as pb;

use crate::{Files, Keyspace, Vindex};

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub keyspace: String,
    pub subject: Subject,
    pub text: String,
}

/// What a problem is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    Keyspace,
    Table(String),
    Vindex(String),
}

impl Problem {
    pub(crate) fn of_table(keyspace: &str, table: &str, text: impl Into<String>) -> Self {
        Self { keyspace: keyspace.to_owned(), subject: Subject::Table(table.to_owned()), text: text.into() }
    }

    pub(crate) fn of_vindex(keyspace: &str, vindex: &str, text: impl Into<String>) -> Self {
        Self { keyspace: keyspace.to_owned(), subject: Subject::Vindex(vindex.to_owned()), text: text.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "keyspace {}: ", self.keyspace)?;
        match &self.subject {
            Subject::Keyspace => {}
            Subject::Table(name) => write!(f, "table {name}: ")?,
            Subject::Vindex(name) => write!(f, "vindex {name}: ")?,
        }
        f.write_str(&self.text)
    }
}

/// Everything that is wrong with a keyspace's VSchema by itself; empty when it can be applied.
///
/// References to other keyspaces (a sequence, the source of a reference table) are not looked at.
pub fn validate(name: &str, keyspace: &pb::Keyspace, files: Files<'_>) -> Vec<Problem> {
    let (_, mut problems) = Keyspace::resolve(name, keyspace, files);
    for (vindex, description) in &keyspace.vindexes {
        if !description.owner.is_empty() && !owner_uses(keyspace, vindex, &description.owner) {
            let text = format!("its owner {} is no table that uses it", description.owner);
            problems.push(Problem::of_vindex(name, vindex, text));
        }
    }
    problems.sort_by_key(ToString::to_string);
    problems
}

fn owner_uses(keyspace: &pb::Keyspace, vindex: &str, owner: &str) -> bool {
    keyspace.tables.get(owner).is_some_and(|t| t.column_vindexes.iter().any(|v| v.name == vindex))
}

/// Parameters that a vindex's type does not know, as `vindex.parameter`: a warning, as in Vitess.
pub fn unknown_params(keyspace: &pb::Keyspace) -> Vec<String> {
    let mut unknown: Vec<String> = keyspace
        .vindexes
        .iter()
        .flat_map(|(name, vindex)| {
            let known = Vindex::known_params(&vindex.r#type);
            vindex.params.keys().filter(|p| !known.contains(&p.as_str())).map(move |p| format!("{name}.{p}"))
        })
        .collect();
    unknown.sort();
    unknown
}
