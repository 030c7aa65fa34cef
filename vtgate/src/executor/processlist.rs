//! SHOW PROCESSLIST and KILL: the connections of MySQL clients to this vtgate.
//!
//! Numbers are vtgate's own (`CONNECTION_ID()`). A client sees and ends the connections of its own user;
//! those of the tablets at their mysqlds are not shown.

use sqlast::{
    Rewriter, Walk,
    ast::{self, DerivedTable, Query, Statement, TableExpr},
};
use sqltypes::{BindValue, Type, int_field, row_of, text_field};
use vterrors::{Error, Result};

use super::{
    Executor, Outcome,
    show::{Table, filter::quoted},
};
use crate::session::{Kill, Process, Session};

/// How much of a statement SHOW PROCESSLIST shows without FULL.
const INFO_CHARS: usize = 100;

impl Executor {
    pub(super) fn processlist(&self, session: &Session, full: bool) -> Table {
        let fields = vec![
            int_field("Id", Type::Uint64),
            text_field("User"),
            text_field("Host"),
            text_field("db"),
            text_field("Command"),
            int_field("Time", Type::Int64),
            text_field("State"),
            text_field("Info"),
        ];
        let row = |p: &std::sync::Arc<Process>| {
            let doing = p.doing();
            let text = String::from_utf8_lossy(&doing.text);
            let info = if full { text.into_owned() } else { text.chars().take(INFO_CHARS).collect() };
            let is_idle = doing.command == "Sleep";
            row_of([
                Some(p.id.to_string()),
                Some(p.user.clone()),
                Some(p.address.clone()),
                Some(doing.target.to_string()).filter(|d| !d.is_empty()),
                Some(doing.command.to_owned()),
                Some(doing.lasted().as_secs().to_string()),
                Some(if is_idle { "" } else { "executing" }.to_owned()),
                Some(info).filter(|_| !is_idle),
            ])
        };
        let rows = self.processes.of_user(&session.caller.user).iter().map(row).collect();
        Table { fields, rows }
    }

    /// `KILL [CONNECTION | QUERY] id`.
    pub(super) async fn kill(&self, session: &mut Session, kill: &ast::Kill) -> Result<Outcome> {
        let value = self.evaluate(session, &kill.id).await?;
        let BindValue::Scalar(_, text) = &value else { return Err(Error::invalid("KILL needs one number")) };
        let text = String::from_utf8_lossy(text);
        let id = text.parse().map_err(|_| unknown(&text))?;
        self.kill_process(session, id, if kill.query { Kill::Query } else { Kill::Connection })?;
        Ok(Outcome::default())
    }

    /// Ends a connection of the session's user, or its statement.
    ///
    /// Errors: MySQL's 1094 for an unknown number, 1095 for another user's connection.
    pub fn kill_process(&self, session: &Session, id: u32, what: Kill) -> Result<()> {
        let process = self.processes.get(id).ok_or_else(|| unknown(&id.to_string()))?;
        if process.user != session.caller.user {
            return Err(Error::mysql(1095, *b"HY000", format!("You are not owner of thread {id}")));
        }
        process.kill(what);
        Ok(())
    }

    /// Puts the connections in the place of `information_schema.processlist`, as a derived table: what a
    /// query asks of them, a mysqld evaluates.
    pub(super) fn put_processes(&self, session: &Session, statement: &mut Statement) {
        statement.rewrite(&mut PutQuery { query: None, make: || self.process_rows(session) });
    }

    /// The columns of MySQL's table with a row a connection, as SQL.
    fn process_rows(&self, session: &Session) -> Option<Query> {
        let names = ["ID", "USER", "HOST", "DB", "COMMAND", "TIME", "STATE", "INFO"];
        let table = self.processlist(session, true);
        let mut sql = String::new();
        for (at, row) in table.rows.iter().enumerate() {
            sql.push_str(if at == 0 { "select " } else { " union all select " });
            let columns = sqltypes::values(row).zip(&table.fields).zip(names);
            for (place, ((value, field), name)) in columns.enumerate() {
                let text = match value {
                    None => "null".to_owned(),
                    Some(v) if sqltypes::is_number(field.r#type()) => String::from_utf8_lossy(v).into_owned(),
                    Some(v) => quoted(v),
                };
                let comma = if place == 0 { "" } else { ", " };
                sql.push_str(&format!("{comma}{text} as `{name}`"));
            }
        }
        match sqlast::parse(sql.as_bytes(), &sqlast::ParseOptions::default()) {
            Ok(Statement::Query(query)) => Some(*query),
            _ => None,
        }
    }
}

/// Puts a query in the place of the table.
struct PutQuery<F> {
    /// Made when the table is there.
    query: Option<Query>,
    make: F,
}

impl<F: Fn() -> Option<Query>> Rewriter for PutQuery<F> {
    fn enter_table_expr(&mut self, expr: &mut TableExpr) -> bool {
        let TableExpr::Table(table) = expr else { return true };
        let schema = table.name.qualifier.as_ref();
        let is_it = schema.is_some_and(|s| s.is(b"information_schema") || s.is(b"performance_schema"))
            && table.name.name.is(b"processlist");
        if !is_it {
            return true;
        }
        self.query = self.query.take().or_else(&self.make);
        if let Some(query) = &self.query {
            let alias = table.alias.clone().or_else(|| Some(table.name.name.clone()));
            let derived = DerivedTable { lateral: false, query: query.clone(), alias, columns: Vec::new() };
            *expr = TableExpr::Derived(Box::new(derived));
        }
        false
    }
}

fn unknown(id: &str) -> Error {
    Error::mysql(1094, *b"HY000", format!("Unknown thread id: {id}"))
}
