// The operations and their forms: what each asks for, and the request it becomes. One entry an RPC.
import type { Json, JsonObject } from "../lib/types";

export type Values = Record<string, string>;

export interface Field {
  /** In the request, and in the address of the form. */
  name: string;
  label: string;
  kind: "text" | "alias" | "keyspace" | "sql" | "flag" | "choice" | "seconds" | "list";
  required?: boolean;
  hint?: string;
  options?: [string, string][];
  initial?: string;
}

export interface Operation {
  name: string;
  title: string;
  group: "Reparents" | "Tablets" | "Schema" | "Keyspaces and shards" | "Serving" | "Checks";
  what: string;
  fields: Field[];
  /** It stops writes, deletes, or may lose data: the button is red. */
  danger?: boolean;
}

const keyspace: Field = { name: "keyspace", label: "Keyspace", kind: "keyspace", required: true };
const shard: Field = { name: "shard", label: "Shard", kind: "text", required: true, hint: "0, -80, 80-, ..." };
const tablet: Field = { name: "tablet_alias", label: "Tablet", kind: "alias", required: true };
const cells: Field = { name: "cells", label: "Cells", kind: "list", hint: "Separated by commas; all when empty" };
const wait: Field = {
  name: "wait_replicas_timeout", label: "Wait for replicas, seconds", kind: "seconds", hint: "15 when empty",
};
const newPrimary: Field = { name: "new_primary", label: "New primary", kind: "alias", hint: "The best one when empty" };
const expectedPrimary: Field = {
  name: "expected_primary", label: "Expected primary", kind: "alias", hint: "Refuse when another one is the primary",
};
const includePrimary: Field = { name: "include_primary", label: "The primary, too", kind: "flag", initial: "true" };

const TYPES: [string, string][] = ["REPLICA", "RDONLY", "SPARE", "DRAINED", "BACKUP", "EXPERIMENTAL"].map((t) => [t, t.toLowerCase()]);
const POLICIES: [string, string][] = ["none", "semi_sync", "cross_cell", "semi_sync_with_rdonly_ack", "cross_cell_with_rdonly_ack"].map((p) => [p, p]);

export const OPERATIONS: Operation[] = [
  {
    name: "PlannedReparentShard", title: "Planned reparent", group: "Reparents",
    what: "Moves the primary of a shard in health to another tablet. Clients wait a moment; no write is lost.",
    fields: [
      keyspace, shard, newPrimary,
      { name: "avoid_primary", label: "Away from", kind: "alias", hint: "Only if this tablet is the primary" },
      expectedPrimary,
      { name: "allow_cross_cell_promotion", label: "Also to another cell", kind: "flag" },
      wait,
    ],
  },
  {
    name: "EmergencyReparentShard", title: "Emergency reparent", group: "Reparents", danger: true,
    what: "Gives a shard whose primary is gone a new one. Replication stops on all tablets first. For a primary in health take the planned one.",
    fields: [
      keyspace, shard, newPrimary, expectedPrimary,
      { name: "prevent_cross_cell_promotion", label: "Only in the same cell", kind: "flag" },
      { name: "wait_for_all_tablets", label: "Wait for all tablets", kind: "flag" },
      wait,
    ],
  },
  {
    name: "ReparentTablet", title: "Reparent a tablet", group: "Reparents",
    what: "Points a replica at its shard’s primary again.",
    fields: [{ ...tablet, name: "tablet" }],
  },
  {
    name: "ChangeTabletType", title: "Change type", group: "Tablets",
    what: "Makes a replica an rdonly, a spare, ... or back. Into and out of primary only reparents lead.",
    fields: [tablet, { name: "db_type", label: "New type", kind: "choice", options: TYPES, required: true, initial: "REPLICA" }],
  },
  {
    name: "SetWritable", title: "Set writable", group: "Tablets", danger: true,
    what: "Makes a tablet’s mysqld read-write, or read-only. vtorc may undo it.",
    fields: [tablet, { name: "writable", label: "Writable", kind: "flag", initial: "true" }],
  },
  { name: "StartReplication", title: "Start replication", group: "Tablets", what: "Starts a replica’s threads of replication.", fields: [tablet] },
  {
    name: "StopReplication", title: "Stop replication", group: "Tablets", danger: true,
    what: "Stops a replica’s threads of replication. vtorc starts them again.", fields: [tablet],
  },
  { name: "RefreshState", title: "Refresh state", group: "Tablets", what: "Has a tablet read its record and its shard’s again.", fields: [tablet] },
  { name: "RunHealthCheck", title: "Run health check", group: "Tablets", what: "Has a tablet look at its health now.", fields: [tablet] },
  { name: "PingTablet", title: "Ping", group: "Tablets", what: "Asks a tablet whether it is there.", fields: [tablet] },
  {
    name: "DeleteTablets", title: "Delete a tablet’s record", group: "Tablets", danger: true,
    what: "Removes a tablet from the topology; its process and data stay.",
    fields: [
      { ...tablet, name: "tablet_aliases" },
      { name: "allow_primary", label: "Even if it is the primary", kind: "flag" },
    ],
  },
  {
    name: "ApplySchema", title: "Apply schema", group: "Schema", danger: true,
    what: "Runs statements on the primary of every shard, and has the replicas reload.",
    fields: [keyspace, { name: "sql", label: "SQL", kind: "sql", required: true, hint: "Statements separated by semicolons" }, wait],
  },
  { name: "ReloadSchema", title: "Reload a tablet’s schema", group: "Schema", what: "Has a tablet read its tables again.", fields: [tablet] },
  { name: "ReloadSchemaShard", title: "Reload a shard’s schema", group: "Schema", what: "Has a shard’s tablets read their tables again.", fields: [keyspace, shard, includePrimary] },
  { name: "ReloadSchemaKeyspace", title: "Reload a keyspace’s schema", group: "Schema", what: "Has a keyspace’s tablets read their tables again.", fields: [keyspace, includePrimary] },
  {
    name: "CreateKeyspace", title: "Create a keyspace", group: "Keyspaces and shards", what: "Makes a keyspace’s record and an empty VSchema.",
    fields: [
      { ...keyspace, name: "name", kind: "text" },
      { name: "durability_policy", label: "Durability", kind: "choice", options: POLICIES, initial: "none" },
    ],
  },
  {
    name: "CreateShard", title: "Create a shard", group: "Keyspaces and shards", what: "Makes a shard’s record.",
    fields: [keyspace, { ...shard, name: "shard_name" }, { name: "include_parent", label: "The keyspace, too, if it is missing", kind: "flag" }],
  },
  {
    name: "SetKeyspaceDurabilityPolicy", title: "Set durability", group: "Keyspaces and shards",
    what: "Says who has to acknowledge a commit before it is one. The next reparent, or vtorc, puts it into effect.",
    fields: [keyspace, { name: "durability_policy", label: "Durability", kind: "choice", options: POLICIES, required: true, initial: "semi_sync" }],
  },
  {
    name: "SetVtorcEmergencyReparent", title: "Let vtorc replace primaries, or not", group: "Keyspaces and shards",
    what: "Keeps vtorc from replacing a dead primary, of a keyspace or of one shard.",
    fields: [keyspace, { ...shard, required: false, hint: "The whole keyspace when empty" }, { name: "disable", label: "Keep vtorc from it", kind: "flag", initial: "true" }],
  },
  {
    name: "DeleteShards", title: "Delete a shard", group: "Keyspaces and shards", danger: true, what: "Removes a shard’s record; data stays where it is.",
    fields: [
      keyspace, { ...shard, name: "shards" },
      { name: "recursive", label: "The records of its tablets, too", kind: "flag" },
      { name: "even_if_serving", label: "Even if it serves", kind: "flag" },
    ],
  },
  {
    name: "DeleteKeyspace", title: "Delete a keyspace", group: "Keyspaces and shards", danger: true, what: "Removes a keyspace from the topology; data stays where it is.",
    fields: [keyspace, { name: "recursive", label: "Its shards and tablets, too", kind: "flag" }],
  },
  { name: "RebuildKeyspaceGraph", title: "Rebuild the keyspace graph", group: "Serving", what: "Writes what cells serve of a keyspace anew, from its shards.", fields: [keyspace, cells] },
  { name: "RebuildVSchemaGraph", title: "Rebuild the VSchema graph", group: "Serving", what: "Writes the VSchema that cells serve anew, from the keyspaces’.", fields: [cells] },
  { name: "RefreshStateByShard", title: "Refresh a shard’s state", group: "Serving", what: "Has all tablets of a shard read their records again.", fields: [keyspace, shard, cells] },
  {
    name: "SetShardIsPrimaryServing", title: "Let a shard’s primary serve, or not", group: "Serving", danger: true,
    what: "Says in the shard’s record whether its primary serves.",
    fields: [keyspace, shard, { name: "is_serving", label: "It serves", kind: "flag", initial: "true" }],
  },
  { name: "Validate", title: "Validate everything", group: "Checks", what: "Looks whether records agree with each other.", fields: [{ name: "ping_tablets", label: "Ping the tablets", kind: "flag", initial: "true" }] },
  { name: "ValidateKeyspace", title: "Validate a keyspace", group: "Checks", what: "Looks whether a keyspace’s records agree.", fields: [keyspace, { name: "ping_tablets", label: "Ping the tablets", kind: "flag", initial: "true" }] },
  { name: "ValidateShard", title: "Validate a shard", group: "Checks", what: "Looks whether a shard’s records agree.", fields: [keyspace, shard, { name: "ping_tablets", label: "Ping the tablets", kind: "flag", initial: "true" }] },
];

export function operation(name: string): Operation | undefined {
  return OPERATIONS.find((one) => one.name === name);
}

export function initialValues(fields: Field[], query: URLSearchParams): Values {
  return Object.fromEntries(fields.map((field) => [field.name, query.get(field.name) ?? field.initial ?? ""]));
}

/** zone1-101 as {cell, uid}; a text that is none is a fault with what is expected. */
export function parseAlias(text: string): JsonObject {
  const parts = /^(.+)-(\d{1,10})$/.exec(text.trim());
  const [, cell, uid] = parts ?? [];
  if (cell === undefined || uid === undefined) throw new Error(`“${text}” is no tablet’s alias: they are like zone1-101`);
  return { cell, uid: Number(uid) };
}

/** The request that a filled form is. */
export function requestOf(operation: Operation, values: Values): JsonObject {
  const request: JsonObject = {};
  for (const field of operation.fields) {
    const value = (values[field.name] ?? "").trim();
    if (value === "") {
      if (field.required === true) throw new Error(`${field.label} is missing`);
      continue;
    }
    request[field.name] = jsonOf(field, value);
  }
  if (operation.name === "DeleteTablets") request["tablet_aliases"] = [request["tablet_aliases"] ?? null];
  if (operation.name === "DeleteShards") {
    request["shards"] = [{ keyspace: request["keyspace"] ?? "", name: request["shards"] ?? "" }];
    delete request["keyspace"];
  }
  return request;
}

function jsonOf(field: Field, value: string): Json {
  switch (field.kind) {
    case "alias":
      return parseAlias(value);
    case "flag":
      return value === "true";
    case "sql":
      return [value];
    case "list":
      return value.split(",").map((one) => one.trim()).filter((one) => one !== "");
    case "seconds":
      if (!/^\d+$/.test(value)) throw new Error(`${field.label}: “${value}” is no number of seconds`);
      return { seconds: value, nanos: 0 };
    default:
      return value;
  }
}
