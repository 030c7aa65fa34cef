// VEXPLAIN's JSON as a tree: a node is an object with one capitalised name, as in {"Route": {...}}.
import type { Json, JsonObject } from "./types";

/** What one shard was sent. */
export interface Sent {
  call: number;
  keyspace: string;
  shard: string;
  tablet_type: string;
  query: string;
  rows: number | null;
  microseconds: number;
  mysql_explain_json?: Json;
}

export interface PlanNode {
  name: string;
  /** Of what it is the input: "left", "right", "input", ... */
  role: string;
  /** Short facts: the routing, the keyspace. */
  facts: [string, string][];
  query: string;
  sent: Sent[];
  children: PlanNode[];
}

export interface Plan {
  root: PlanNode | undefined;
  warnings: string[];
  tables: string[];
  /** Statements of no node: locks, temporary tables, lookups. */
  others: Sent[];
  rowsReturned: number | undefined;
  rowsMoved: number | undefined;
  shardsQueried: number | undefined;
}

const FACTS = ["keyspace", "table", "kind", "reason", "name"];
const INPUTS = ["input", "inputs", "left", "right", "steps", "query", "keyspace", "rows", "source", "parts"];

export function readPlan(text: string): Plan {
  const told = JSON.parse(text) as JsonObject;
  const sent = (told["queries"] ?? []) as unknown as Sent[];
  const unclaimed = new Set(sent);
  const root = asNode(told["root"] ?? null, "");
  if (root !== undefined) claim(root, unclaimed);
  const number = (name: string) => (typeof told[name] === "number" ? told[name] : undefined);
  return {
    root,
    warnings: texts(told["warnings"]),
    tables: texts(told["tables_used"]),
    others: sent.filter((one) => unclaimed.has(one)),
    rowsReturned: number("rows_returned"),
    rowsMoved: number("rows_moved"),
    shardsQueried: number("shards_queried"),
  };
}

function texts(value: Json | undefined): string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === "string") : [];
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function asNode(value: Json, role: string): PlanNode | undefined {
  if (!isObject(value)) return undefined;
  const [entry, ...more] = Object.entries(value);
  if (entry === undefined || more.length > 0) return undefined;
  const [name, fields] = entry;
  if (!/^[A-Z]/.test(name) || !isObject(fields) || !INPUTS.some((field) => field in fields)) return undefined;
  const query = fields["query"];
  return {
    name,
    role,
    facts: facts(fields),
    query: typeof query === "string" ? query : "",
    sent: [],
    children: children(fields),
  };
}

function facts(fields: JsonObject): [string, string][] {
  const found: [string, string][] = [];
  for (const name of FACTS) {
    const value = fields[name];
    if (typeof value === "string" && value !== "") found.push([name, value]);
  }
  const routing = fields["routing"];
  if (routing !== undefined) found.push(["routing", routingText(routing)]);
  return found;
}

/** Scatter, or EqualUnique by xxhash. */
function routingText(routing: Json): string {
  if (typeof routing === "string") return routing;
  if (!isObject(routing)) return "";
  const [kind, how] = Object.entries(routing)[0] ?? ["", null];
  const vindex = isObject(how) ? how["vindex"] : undefined;
  const name = isObject(vindex) ? vindex["name"] : undefined;
  return typeof name === "string" ? `${kind} by ${name}` : kind;
}

/** Nodes below, however deep they are packed in lists and records. */
function children(fields: JsonObject): PlanNode[] {
  return Object.entries(fields).flatMap(([role, value]) => below(value, role));
}

function below(value: Json, role: string): PlanNode[] {
  if (Array.isArray(value)) return value.flatMap((one) => below(one, role));
  if (!isObject(value)) return [];
  const node = asNode(value, role);
  return node === undefined ? Object.entries(value).flatMap(([name, one]) => below(one, name === "input" ? role : name)) : [node];
}

/** Gives each node the statements that were sent for it: those with its text. */
function claim(node: PlanNode, unclaimed: Set<Sent>): void {
  node.children.forEach((child) => claim(child, unclaimed));
  if (node.query === "") return;
  for (const one of unclaimed) {
    if (one.query === node.query) {
      node.sent.push(one);
      unclaimed.delete(one);
    }
  }
}
