//! FullStatus: everything about mysqld's replication in one answer, for the control plane and vtorc; and how
//! loaded its machine is.

use proto::{
    mysqlctl::HostMetricsResponse,
    replicationdata::{Configuration, FullStatus},
};
use vterrors::{Error, Result};

use crate::tablet::Tablet;

/// Variables that both families have, in one row.
const VARIABLES: &str = "select @@global.server_id as server_id, @@global.version as version, \
     @@global.version_comment as version_comment, @@global.binlog_format as binlog_format, \
     @@global.binlog_row_image as binlog_row_image, @@global.log_bin as log_bin";

impl Tablet {
    /// Of the machine that mysqld is on: only a mysqlctld there can tell.
    pub async fn host_metrics(&self) -> Result<HostMetricsResponse> {
        match &self.mysqlctld {
            Some(mysqlctld) => mysqlctld.host_metrics().await,
            None => Err(Error::unsupported("MysqlHostMetrics is supported only with --mysqlctl-socket")),
        }
    }

    pub async fn full_status(&self) -> Result<FullStatus> {
        let flavor = self.dba.flavor().await?;
        let variables = self.dba.one_row(VARIABLES).await?;
        let text = |name: &str| variables.text(name).unwrap_or_default().to_owned();
        let on = |value: Option<&str>| value.is_some_and(|v| v == "1" || v.eq_ignore_ascii_case("ON"));
        // Variables of one family only.
        let more = self
            .dba
            .rows(
                "show global variables where variable_name in ('gtid_mode', \
             'log_replica_updates', 'log_slave_updates', 'replica_net_timeout', 'slave_net_timeout')",
            )
            .await?;
        let named = |name: &str| {
            more.iter()
                .find(|r| r.first().is_some_and(|n| n.eq_ignore_ascii_case(name)))
                .and_then(|r| r.text("Value"))
        };
        let (read_only, super_read_only) = self.dba.read_only().await?;
        let semi = self.dba.semi_sync().await?;
        let primary_status = self.dba.primary_status().await?;
        let purged = self.dba.one_row(flavor.purged_query()).await?;
        let net_timeout = named("replica_net_timeout").or(named("slave_net_timeout"));
        Ok(FullStatus {
            server_id: variables.number("server_id")?.unwrap_or_default(),
            server_uuid: primary_status.server_uuid.clone(),
            replication_status: self.dba.replica_status().await?,
            primary_status: Some(primary_status),
            gtid_purged: format!(
                "{}/{}",
                flavor.kind().position_prefix(),
                purged.first().unwrap_or_default().replace('\n', "")
            ),
            version: text("version"),
            version_comment: text("version_comment"),
            read_only,
            super_read_only,
            gtid_mode: named("gtid_mode").unwrap_or_default().to_owned(),
            binlog_format: text("binlog_format"),
            binlog_row_image: text("binlog_row_image").to_ascii_lowercase(),
            log_bin_enabled: on(variables.text("log_bin")),
            log_replica_updates: on(named("log_replica_updates").or(named("log_slave_updates"))),
            semi_sync_primary_enabled: semi.source_enabled,
            semi_sync_replica_enabled: semi.replica_enabled,
            semi_sync_primary_status: semi.source_active,
            semi_sync_replica_status: semi.replica_active,
            semi_sync_primary_clients: semi.clients,
            semi_sync_primary_timeout: semi.timeout_ms,
            semi_sync_wait_for_replica_count: semi.wait_for_replica_count,
            semi_sync_blocked: semi.source_active && semi.clients == 0 && semi.waiting_sessions > 0,
            replication_configuration: Some(Configuration {
                heartbeat_interval: self.dba.heartbeat_interval().await?,
                replica_net_timeout: net_timeout.and_then(|v| v.parse().ok()).unwrap_or_default(),
            }),
            disk_stalled: self.disk.is_stalled(),
            tablet_type: self.tablet_type() as i32,
        })
    }
}
