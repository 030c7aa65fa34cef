//! SHOW VITESS_REPLICATION_STATUS: what the replicas say of their replication.

use std::sync::Arc;

use proto::query::QueryResult;
use sqlast::ast::{Show, ShowFilter};
use sqltypes::{Row, row_of};
use vterrors::Result;
use vtmodel::{TabletType, tablet_type_name};

use super::{Executor, Table, filter, texts};
use crate::{
    session::Session,
    tx::{ShardCall, ShardQuery},
};

/// Vitess's, in its order.
const COLUMNS: [&str; 9] = [
    "Keyspace",
    "Shard",
    "TabletType",
    "Alias",
    "Hostname",
    "ReplicationSource",
    "ReplicationHealth",
    "ReplicationLag",
    "ThrottlerStatus",
];

impl Executor {
    /// A row for each replica; LIKE is about `keyspace/shard`. A replica that does not answer has empty columns and
    /// a lag of -1. There is no throttler to ask.
    pub(super) async fn replication(&self, session: &Session, show: &Show) -> Result<Table> {
        let pattern = match &show.filter {
            Some(ShowFilter::Like(pattern)) => pattern.to_string_lossy().into_owned(),
            _ => "%".to_owned(),
        };
        let snapshot = self.gateway.discovery().snapshot();
        let mut replicas: Vec<_> = snapshot
            .tablets()
            .filter(|t| t.target.tablet_type == TabletType::Replica)
            .filter(|t| filter::is_like(&format!("{}/{}", t.target.keyspace, t.target.shard), &pattern))
            .collect();
        replicas.sort_by_key(|t| (t.target.keyspace.clone(), t.target.shard.clone(), t.alias.clone()));
        let mut rows = Vec::with_capacity(replicas.len());
        for tablet in replicas {
            rows.push(self.replica(session, tablet).await);
        }
        Ok(Table { fields: texts(&COLUMNS), rows })
    }

    async fn replica(&self, session: &Session, tablet: &Arc<discovery::TabletHealth>) -> Row {
        let status = match self.replica_says(session, tablet, "show replica status").await {
            // MariaDB and old MySQL.
            Err(e) if e.errno() == 1064 => self.replica_says(session, tablet, "show slave status").await,
            said => said,
        };
        let status = status.ok().filter(|s| !s.rows.is_empty());
        let of = |names: [&str; 2]| -> String {
            let Some(status) = &status else { return String::new() };
            let at = status.fields.iter().position(|f| names.contains(&f.name.as_str()));
            let value = at.and_then(|at| sqltypes::value_at(status.rows.first()?, at).flatten());
            value.map(|v| String::from_utf8_lossy(v).into_owned()).unwrap_or_default()
        };
        let port = of(["Source_Port", "Master_Port"]);
        let port = if port.is_empty() { "0" } else { &port };
        let source = format!("{}:{port}", of(["Source_Host", "Master_Host"]));
        let health = serde_json::json!({
            "EventStreamRunning": of(["Replica_IO_Running", "Slave_IO_Running"]),
            "EventApplierRunning": of(["Replica_SQL_Running", "Slave_SQL_Running"]),
            "LastError": of(["Last_Error", "Last_Error"]),
        });
        let lag = match &status {
            Some(_) => tablet.replication_lag_seconds.to_string(),
            None => "-1".to_owned(),
        };
        row_of([
            Some(tablet.target.keyspace.clone()),
            Some(tablet.target.shard.clone()),
            Some(tablet_type_name(tablet.target.tablet_type).to_owned()),
            Some(tablet.alias.to_string()),
            Some(tablet.hostname.clone()),
            Some(source),
            Some(health.to_string()),
            Some(lag),
            Some(String::new()),
        ])
    }

    async fn replica_says(
        &self,
        session: &Session,
        tablet: &discovery::TabletHealth,
        sql: &str,
    ) -> Result<QueryResult> {
        let apart = session.apart();
        let query = ShardQuery { target: tablet.target.clone(), sql: sql.into(), binds: Arc::default() };
        let call = ShardCall::reading(&self.gateway, &apart);
        call.execute(&query).await.result
    }
}
