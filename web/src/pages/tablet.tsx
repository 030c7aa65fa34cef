// A tablet: what it says now, its replication, its mysqld, its record, and what can be done with it.
import { Code } from "../components/code";
import { Facts, Heading } from "../components/heading";
import { Loading, Message } from "../components/message";
import { Role, StateBadge } from "../components/state";
import { api } from "../lib/api";
import { moment, rate, seconds, shortAlias } from "../lib/format";
import { address } from "../lib/router";
import { useIsOperator } from "../lib/session";
import type { Json, JsonObject, TabletRow } from "../lib/types";
import { useLoaded } from "../lib/use";
import { parseAlias } from "../operations/catalog";

interface Replication {
  position: string;
  io_state: number;
  sql_state: number;
  source_host: string;
  source_port: number;
  replication_lag_seconds: number;
  replication_lag_unknown: boolean;
  last_io_error: string;
  last_sql_error: string;
  auto_position: boolean;
}

interface FullStatus {
  server_id: number;
  server_uuid: string;
  version: string;
  version_comment: string;
  read_only: boolean;
  super_read_only: boolean;
  gtid_purged: string;
  binlog_format: string;
  semi_sync_primary_enabled: boolean;
  semi_sync_replica_enabled: boolean;
  semi_sync_primary_clients: number;
  replication_status: Replication | null;
  primary_status: { position: string } | null;
  [other: string]: unknown;
}

const ACTIONS: [string, string][] = [
  ["ChangeTabletType", "Change type"],
  ["StartReplication", "Start replication"],
  ["StopReplication", "Stop replication"],
  ["ReparentTablet", "Reparent"],
  ["SetWritable", "Set writable"],
  ["RefreshState", "Refresh state"],
  ["ReloadSchema", "Reload schema"],
  ["RunHealthCheck", "Health check"],
  ["PingTablet", "Ping"],
];

export function TabletPage({ alias }: { alias: string }) {
  const live = useLoaded(`live ${alias}`, () => api.tablet(alias), 2000);
  const asked = (rpc: string) => async () => api.read<JsonObject>(rpc, { tablet_alias: parseAlias(alias) });
  const status = useLoaded(`status ${alias}`, asked("GetFullStatus"), 5000);
  const record = useLoaded(`record ${alias}`, asked("GetTablet"));
  const operator = useIsOperator();
  const row = live.value;
  return (
    <>
      <Heading title={shortAlias(alias)} above={[["Tablets", address(["tablets"])]]}>
        {row === undefined || row.status_url === "" ? null : <a class="button" href={row.status_url} target="_blank" rel="noreferrer">Its status page</a>}
      </Heading>
      <Loading {...live} />
      {row === undefined ? null : <Now row={row} />}
      {operator ? (
        <div class="buttons">
          {ACTIONS.map(([name, title]) => (
            <a class="button" href={address(["operations", "new", name], { [name === "ReparentTablet" ? "tablet" : "tablet_alias"]: shortAlias(alias) })}>{title}</a>
          ))}
        </div>
      ) : null}
      <h2>Replication and mysqld</h2>
      <Loading {...status} />
      {status.value === undefined ? null : <Status status={status.value["status"] as unknown as FullStatus | null} />}
      <h2>Record</h2>
      <Loading {...record} />
      {record.value === undefined ? null : <Code label="Record" text={JSON.stringify(record.value["tablet"] ?? null, null, 2)} />}
    </>
  );
}

function Now({ row }: { row: TabletRow }) {
  const shard = <><a href={address(["keyspaces", row.keyspace])}>{row.keyspace}</a>/<a href={address(["tablets"], { keyspace: row.keyspace, shard: row.shard })}>{row.shard}</a></>;
  return (
    <>
      {row.error === "" ? null : <Message kind="warning" text={row.error} />}
      {row.role === row.record_role ? null : <Message kind="warning" text={`It says to be ${row.role.toLowerCase()}, its record says ${row.record_role.toLowerCase()}.`} />}
      <Facts
        facts={[
          ["State", <StateBadge state={row.state} />],
          ["Role", <Role role={row.role} />],
          ["Shard", shard],
          ["Cell", row.cell],
          ["Lag", seconds(row.lag_seconds)],
          ["Queries a second", rate(row.qps)],
          ["Heard", row.heard_seconds === null ? "never" : `${seconds(row.heard_seconds)} ago`],
          ["Primary since", row.primary_since === 0 ? "it is not" : moment(row.primary_since * 1000)],
          ["Host", row.hostname],
          ["gRPC port", String(row.grpc_port)],
          ["mysqld", row.mysql_address],
        ]}
      />
    </>
  );
}

const THREADS: Record<number, string> = { 0: "unknown", 1: "stopped", 2: "connecting", 3: "running" };

function Status({ status }: { status: FullStatus | null }) {
  if (status === null) return <p class="soft">It says nothing.</p>;
  const replication = status.replication_status;
  const semiSync = [status.semi_sync_primary_enabled ? "as primary" : "", status.semi_sync_replica_enabled ? "as replica" : ""].filter((t) => t !== "");
  return (
    <>
      <Facts
        facts={[
          ["mysqld", `${status.version} ${status.version_comment}`],
          ["Server id", String(status.server_id)],
          ["Writes", status.super_read_only ? "super_read_only" : status.read_only ? "read_only" : "read-write"],
          ["Semi-sync", semiSync.length === 0 ? "off" : `${semiSync.join(", ")}; ${status.semi_sync_primary_clients} clients`],
          ["Binary log", status.binlog_format],
          ["Position", <code class="break">{status.primary_status?.position ?? replication?.position ?? ""}</code>],
        ]}
      />
      {replication === null ? <p class="soft">It does not replicate.</p> : <Replicates of={replication} />}
      <details>
        <summary>Everything it says (FullStatus)</summary>
        <Code label="FullStatus" text={JSON.stringify(status as unknown as Json, null, 2)} />
      </details>
    </>
  );
}

function Replicates({ of: replication }: { of: Replication }) {
  return (
    <>
      {replication.last_io_error === "" ? null : <Message kind="error" text={`Fetching: ${replication.last_io_error}`} />}
      {replication.last_sql_error === "" ? null : <Message kind="error" text={`Applying: ${replication.last_sql_error}`} />}
      <Facts
        facts={[
          ["Replicates from", `${replication.source_host}:${replication.source_port}`],
          ["Fetching", THREADS[replication.io_state] ?? String(replication.io_state)],
          ["Applying", THREADS[replication.sql_state] ?? String(replication.sql_state)],
          ["Lag", replication.replication_lag_unknown ? "unknown" : seconds(replication.replication_lag_seconds)],
          ["By GTID", replication.auto_position ? "yes" : "no"],
        ]}
      />
    </>
  );
}
