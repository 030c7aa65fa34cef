// What vtctld answers; described in vtctld/src/web/openapi.json.

export type Json = null | boolean | number | string | Json[] | JsonObject;
export interface JsonObject {
  [name: string]: Json;
}

export interface Session {
  sign_in: "none" | "read_only" | "users";
  message: string;
  signed_in: boolean;
  user: string;
  role: "viewer" | "operator";
  sql_console: boolean;
  cell: string;
  version: string;
}

export interface Sums {
  tablets: number;
  serving: number;
  not_serving: number;
  silent: number;
  qps: number;
  max_lag_seconds: number;
}

export interface Totals extends Sums {
  keyspaces: number;
  shards: number;
}

export interface CellRow extends Sums {
  cell: string;
  fault: string | null;
}

export interface ShardRow extends Sums {
  shard: string;
  primary: string | null;
  primary_serves: boolean;
}

export interface KeyspaceRow extends Sums {
  keyspace: string;
  shards: ShardRow[];
  shards_left_out: number;
}

export interface KeyspacesPage {
  version: number;
  taken_ms: number;
  fault: string | null;
  totals: Totals;
  cells: CellRow[];
  matched: number;
  keyspaces: KeyspaceRow[];
}

export type TabletState = "serving" | "not_serving" | "silent";

export interface TabletRow {
  alias: string;
  cell: string;
  keyspace: string;
  shard: string;
  role: string;
  record_role: string;
  state: TabletState;
  lag_seconds: number;
  qps: number;
  error: string;
  heard_seconds: number | null;
  primary_since: number;
  hostname: string;
  grpc_port: number;
  mysql_address: string;
  status_url: string;
}

export interface TabletsPage {
  version: number;
  matched: number;
  tablets: TabletRow[];
}

export interface LogLine {
  at_ms: number;
  level: "info" | "warning" | "error";
  text: string;
}

export interface Job {
  id: number;
  name: string;
  who: string;
  state: "running" | "done" | "failed";
  begun_ms: number;
  took_ms: number;
  request: JsonObject;
  answer?: JsonObject;
  error?: string;
  log?: LogLine[];
  log_lines: number;
  lines_left_out: number;
}

export interface HistoryEntry {
  at: string;
  who: string;
  operation: string;
  target: string;
  request: string;
  took_ms: number;
  error: string | null;
}

export interface SqlAnswer {
  columns: { name: string; type: string }[];
  rows: (string | null)[][];
  is_cut: boolean;
  max_rows: number;
  rows_affected: number;
  insert_id: string;
  took_us: number;
}

export interface TopologyNode {
  name: string;
  path: string;
  data: string;
  children: string[];
  children_count?: number;
  version: string;
}

export interface TableDefinition {
  name: string;
  schema: string;
  columns: string[];
  primary_key_columns: string[];
  type: string;
  data_length: string;
  row_count: string;
}
