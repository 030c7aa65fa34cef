//! Statements that the control plane runs at mysqld: as dba, as application, with all privileges.
//!
//! Each runs on a connection of its own, which is closed after it: settings of one never reach the next.

use std::{sync::Arc, time::Duration};

use mysqlwire::client::{Conn, ConnectOptions, QueryOptions};
use proto::{
    query::{BoundQuery, ExecuteRequest, QueryResult},
    tabletmanagerdata as tm,
};
use vterrors::{Error, Result};

use crate::{
    query::kill::{Deadline, within},
    tablet::Tablet,
};

/// The longest a statement of the control plane may take; its caller's deadline is usually shorter.
const FETCH_LIMIT: Duration = Duration::from_secs(3600);

/// How a session is set up before the statement.
#[derive(Debug, Clone, Copy, Default)]
struct Session<'a> {
    db_name: &'a str,
    disable_binlogs: bool,
    disable_foreign_key_checks: bool,
}

fn text(query: &[u8]) -> Result<&str> {
    std::str::from_utf8(query).map_err(|_| Error::invalid("the query is not UTF-8"))
}

fn rows_limit(max_rows: u64) -> QueryOptions {
    // 0 is none, as a caller that does not set it means.
    let max_rows = if max_rows == 0 { usize::MAX } else { usize::try_from(max_rows).unwrap_or(usize::MAX) };
    QueryOptions::all_fields(max_rows)
}

impl Tablet {
    async fn fetch_session(&self, options: &ConnectOptions, session: Session<'_>) -> Result<Conn> {
        let options = ConnectOptions { database: session.db_name.to_owned(), ..options.clone() };
        let mut conn = self.dba.own_connection(options).await?;
        if session.disable_binlogs {
            conn.execute("set sql_log_bin = 0").await?;
        }
        if session.disable_foreign_key_checks {
            conn.execute("set foreign_key_checks = 0").await?;
        }
        Ok(conn)
    }

    async fn fetch(
        &self,
        options: &ConnectOptions,
        session: Session<'_>,
        query: &[u8],
        wanted: &QueryOptions,
    ) -> Result<Vec<QueryResult>> {
        let sql = text(query)?;
        let mut conn = Unfinished(self.fetch_session(options, session).await?, self);
        let id = conn.0.connection_id();
        let killer = self.killer();
        within(Deadline::after(FETCH_LIMIT), &killer, id, conn.0.query_multi(sql.as_bytes(), wanted)).await
    }

    pub async fn execute_fetch_as_dba(&self, r: &tm::ExecuteFetchAsDbaRequest) -> Result<QueryResult> {
        let session = Session {
            db_name: &r.db_name,
            disable_binlogs: r.disable_binlogs,
            disable_foreign_key_checks: r.disable_foreign_key_checks,
        };
        let mut results = self.fetch(&self.users.dba, session, &r.query, &rows_limit(r.max_rows)).await?;
        if results.len() > 1 {
            return Err(Error::invalid("ExecuteFetchAsDba takes one statement: use ExecuteMultiFetchAsDba"));
        }
        self.reload_after(r.reload_schema).await;
        Ok(results.pop().unwrap_or_default())
    }

    pub async fn execute_multi_fetch_as_dba(
        &self,
        r: &tm::ExecuteMultiFetchAsDbaRequest,
    ) -> Result<Vec<QueryResult>> {
        let session = Session {
            db_name: &r.db_name,
            disable_binlogs: r.disable_binlogs,
            disable_foreign_key_checks: r.disable_foreign_key_checks,
        };
        let results = self.fetch(&self.users.dba, session, &r.sql, &rows_limit(r.max_rows)).await?;
        self.reload_after(r.reload_schema).await;
        Ok(results)
    }

    pub async fn execute_fetch_as_all_privs(
        &self,
        r: &tm::ExecuteFetchAsAllPrivsRequest,
    ) -> Result<QueryResult> {
        let session = Session { db_name: &r.db_name, ..Session::default() };
        let results = self.fetch(&self.users.allprivs, session, &r.query, &rows_limit(r.max_rows)).await?;
        self.reload_after(r.reload_schema).await;
        Ok(results.into_iter().next().unwrap_or_default())
    }

    pub async fn execute_fetch_as_app(&self, r: &tm::ExecuteFetchAsAppRequest) -> Result<QueryResult> {
        let sql = text(&r.query)?;
        let mut lent = self.app.get().await?;
        // What the statement set in the session stays with it.
        lent.spoil();
        let (killer, id) = (lent.killer().clone(), lent.connection_id());
        let wanted = rows_limit(r.max_rows);
        within(Deadline::after(FETCH_LIMIT), &killer, id, lent.query(sql.as_bytes(), &wanted)).await
    }

    /// A query as the query service runs it.
    pub async fn execute_query(&self, r: &tm::ExecuteQueryRequest) -> Result<QueryResult> {
        let query = BoundQuery { sql: text(&r.query)?.to_owned(), ..BoundQuery::default() };
        self.query.execute(&ExecuteRequest { query: Some(query), ..ExecuteRequest::default() }).await
    }

    async fn reload_after(&self, wanted: bool) {
        if wanted && let Err(e) = self.reload_schema().await {
            tracing::warn!(error = %e, "the schema could not be read again");
        }
    }

    /// Who kills what is given up.
    pub fn killer(&self) -> crate::query::kill::Killer {
        crate::query::kill::Killer::new(Arc::new(self.users.dba.clone()))
    }
}

/// A connection outside of a pool; dropped in the middle of an answer it is killed at mysqld.
struct Unfinished<'a>(Conn, &'a Tablet);

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if !self.0.is_usable() {
            self.1.killer().kill_later(self.0.connection_id());
        }
    }
}
