//! What a plan is, in a few words without any value: for logs and traces.

use super::{Plan, Primitive};

impl Plan {
    /// `Route EqualUnique`, `Insert`, `Aggregate`: the plan's root, and the routing where it is a route or a write.
    pub fn kind(&self) -> String {
        let routing = match &self.root {
            Primitive::Route(route) => Some(route.routing.name()),
            Primitive::Update(dml) | Primitive::Delete(dml) => Some(dml.routing.name()),
            _ => None,
        };
        let name = self.root.name();
        routing.map_or_else(|| name.to_owned(), |routing| format!("{name} {routing}"))
    }
}

impl Primitive {
    /// A stable name for logs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Route(_) => "Route",
            Self::Limit(_) => "Limit",
            Self::Aggregate(_) => "Aggregate",
            Self::Sort(_) => "Sort",
            Self::Join(_) => "Join",
            Self::Project(_) => "Project",
            Self::Concat(_) => "Concatenate",
            Self::ValuesFirst(_) => "ValuesFirst",
            Self::Gather(_) => "Gather",
            Self::All(_) => "All",
            Self::ChangeTables(_) => "ChangeTables",
            Self::VindexFunc(_) => "VindexFunc",
            Self::Locks(_) => "Locks",
            Self::IntoVariables(_) => "IntoVariables",
            Self::AssignVariables(_) => "AssignVariables",
            Self::Insert(_) => "Insert",
            Self::Update(_) => "Update",
            Self::Delete(_) => "Delete",
            Self::KeyedDml(_) => "KeyedDml",
            Self::MoveRows(_) => "MoveRows",
            Self::EachRow(_) => "EachRow",
            Self::InsertRowsOf(_) => "InsertRowsOf",
            Self::Upsert(_) => "Upsert",
            Self::Send(_) => "Send",
            Self::Rows(_) => "Rows",
        }
    }
}
