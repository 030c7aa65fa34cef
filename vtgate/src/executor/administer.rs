//! Statements that no session and no planner here takes, by the name that their refusal gives.

use sqlast::{StatementKind, ast::Statement};

/// What a statement is, if it is refused for now.
pub(super) fn refused(statement: &Statement) -> Option<&'static str> {
    Some(match statement {
        Statement::LockTables(_) => "LOCK TABLES",
        Statement::Call(_) => "CALL: stored procedures",
        Statement::CreateDatabase(_) | Statement::AlterDatabase(_) | Statement::DropDatabase(_) => {
            "CREATE, ALTER and DROP DATABASE: keyspaces are made with vtctldclient"
        }
        Statement::Migration(_) => "online schema changes",
        Statement::Other(other) => match other.kind {
            StatementKind::Select | StatementKind::Insert | StatementKind::Update | StatementKind::Delete => {
                return None;
            }
            _ => "this kind of statement",
        },
        _ => return None,
    })
}
