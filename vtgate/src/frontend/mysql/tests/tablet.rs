//! Stands for a tablet: runs the queries on a mysqld, a transaction or reservation on a connection of its own.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use async_trait::async_trait;
use mysqlwire::client::{Address, Conn, ConnectOptions, QueryOptions};
use proto::query::{self as q, BindVariable, Type};
use tabletclient::{QueryService, RowStream};
use tokio::sync::{Mutex, watch};
use vterrors::{Error, Result};

use super::mysqld::Server;

pub struct Forwarder {
    options: Arc<ConnectOptions>,
    held: Mutex<HashMap<i64, Conn>>,
    next_id: AtomicI64,
    /// How many queries run now; one whose call was dropped does not.
    pub running: watch::Sender<usize>,
}

/// Counts a query for as long as its call is there.
struct Running<'a>(&'a watch::Sender<usize>);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|n| *n -= 1);
    }
}

fn unused<T>() -> Result<T> {
    Err(Error::unsupported("not a call of these tests"))
}

impl Forwarder {
    pub async fn new(mysqld: &Server, database: &str) -> Self {
        let mut options = ConnectOptions::new(Address::Unix(mysqld.socket()), "root");
        let mut conn = Conn::connect(Arc::new(options.clone())).await.unwrap();
        conn.execute(&format!("create database {database}")).await.unwrap();
        options.database = database.to_owned();
        Self {
            options: Arc::new(options),
            held: Mutex::default(),
            next_id: AtomicI64::new(1),
            running: watch::Sender::new(0),
        }
    }

    async fn run(&self, conn: &mut Conn, query: Option<q::BoundQuery>) -> Result<q::QueryResult> {
        self.running.send_modify(|n| *n += 1);
        let _running = Running(&self.running);
        let query = query.unwrap_or_default();
        conn.query(&render(&query.sql, &query.bind_variables), &QueryOptions::all_fields(1000)).await
    }

    /// On the connection with this id, or on a new one, which is kept under a new id when `keep` is set.
    async fn on(
        &self,
        id: i64,
        first: &[&str],
        keep: bool,
        query: Option<q::BoundQuery>,
    ) -> (i64, Result<q::QueryResult>) {
        let held = self.held.lock().await.remove(&id);
        let mut conn = match held {
            Some(conn) => conn,
            None => Conn::connect(self.options.clone()).await.unwrap(),
        };
        for sql in first {
            conn.execute(sql).await.unwrap();
        }
        let result = self.run(&mut conn, query).await;
        let id = match id {
            0 if keep => self.next_id.fetch_add(1, Ordering::Relaxed),
            id => id,
        };
        if id != 0 {
            self.held.lock().await.insert(id, conn);
        }
        (id, result)
    }

    async fn end(&self, id: i64, sql: &str) {
        if let Some(mut conn) = self.held.lock().await.remove(&id) {
            conn.execute(sql).await.unwrap();
        }
    }
}

/// The text with the values in the place of `:name`, for the statements of these tests.
fn render(sql: &str, values: &HashMap<String, BindVariable>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = sql;
    let mut quoted = false;
    while let Some(c) = rest.chars().next() {
        quoted ^= c == '\'';
        let name: String = match c {
            ':' if !quoted => rest.chars().skip(1).take_while(|c| c.is_alphanumeric() || *c == '_').collect(),
            _ => String::new(),
        };
        match values.get(&name) {
            Some(value) => {
                literal(&mut out, value);
                rest = &rest[1 + name.len()..];
            }
            None => {
                out.extend_from_slice(&rest.as_bytes()[..c.len_utf8()]);
                rest = &rest[c.len_utf8()..];
            }
        }
    }
    out
}

fn literal(out: &mut Vec<u8>, value: &BindVariable) {
    let hex: String = value.value.iter().map(|b| format!("{b:02X}")).collect();
    match value.r#type() {
        Type::NullType => out.extend_from_slice(b"null"),
        ty if sqltypes::is_number(ty) => out.extend_from_slice(&value.value),
        ty if sqltypes::is_binary(ty) => out.extend_from_slice(format!("_binary x'{hex}'").as_bytes()),
        _ => out.extend_from_slice(format!("_utf8mb4 x'{hex}'").as_bytes()),
    }
}

#[async_trait]
impl QueryService for Forwarder {
    async fn execute(&self, r: q::ExecuteRequest) -> Result<q::ExecuteResponse> {
        let result = self.on(r.transaction_id.max(r.reserved_id), &[], false, r.query).await.1?;
        Ok(q::ExecuteResponse { result: Some(result) })
    }

    async fn begin_execute(&self, r: q::BeginExecuteRequest) -> Result<q::BeginExecuteResponse> {
        let (transaction_id, result) = self.on(r.reserved_id, &["begin"], true, r.query).await;
        let (result, error) = match result {
            Ok(result) => (Some(result), None),
            Err(e) => (None, Some(e.into())),
        };
        Ok(q::BeginExecuteResponse { transaction_id, result, error, ..Default::default() })
    }

    async fn reserve_execute(&self, r: q::ReserveExecuteRequest) -> Result<q::ReserveExecuteResponse> {
        let first: Vec<&str> = r.pre_queries.iter().map(String::as_str).collect();
        let (reserved_id, result) = self.on(r.transaction_id, &first, true, r.query).await;
        let (result, error) = match result {
            Ok(result) => (Some(result), None),
            Err(e) => (None, Some(e.into())),
        };
        Ok(q::ReserveExecuteResponse { reserved_id, result, error, ..Default::default() })
    }

    async fn commit(&self, r: q::CommitRequest) -> Result<q::CommitResponse> {
        self.end(r.transaction_id, "commit").await;
        Ok(q::CommitResponse::default())
    }

    async fn rollback(&self, r: q::RollbackRequest) -> Result<q::RollbackResponse> {
        self.end(r.transaction_id, "rollback").await;
        Ok(q::RollbackResponse::default())
    }

    async fn release(&self, r: q::ReleaseRequest) -> Result<q::ReleaseResponse> {
        self.held.lock().await.remove(&r.transaction_id.max(r.reserved_id));
        Ok(q::ReleaseResponse::default())
    }

    async fn begin(&self, _: q::BeginRequest) -> Result<q::BeginResponse> {
        unused()
    }

    async fn reserve_begin_execute(
        &self,
        _: q::ReserveBeginExecuteRequest,
    ) -> Result<q::ReserveBeginExecuteResponse> {
        unused()
    }

    async fn stream_execute(
        &self,
        _: q::StreamExecuteRequest,
    ) -> Result<RowStream<q::StreamExecuteResponse>> {
        unused()
    }

    async fn begin_stream_execute(
        &self,
        _: q::BeginStreamExecuteRequest,
    ) -> Result<RowStream<q::BeginStreamExecuteResponse>> {
        unused()
    }

    async fn stream_health(&self, _: q::StreamHealthRequest) -> Result<RowStream<q::StreamHealthResponse>> {
        unused()
    }

    async fn get_schema(&self, _: q::GetSchemaRequest) -> Result<RowStream<q::GetSchemaResponse>> {
        unused()
    }
}
