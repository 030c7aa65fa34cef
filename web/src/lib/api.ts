// The way to vtctld. Every answer is JSON; a fault has a text for the person who reads it.
import type {
  HistoryEntry, Job, Json, JsonObject, KeyspacesPage, Session, SqlAnswer, TabletRow, TabletsPage, TopologyNode,
} from "./types";

/** A request that was refused or got no answer. */
export class Fault extends Error {
  constructor(readonly status: number, text: string) {
    super(text);
  }
}

/** Told when a request finds that nobody is signed in (any more). */
let whenSignedOut: () => void = () => undefined;

export function onSignedOut(tell: () => void): void {
  whenSignedOut = tell;
}

async function ask<T>(method: string, path: string, body?: Json): Promise<T> {
  const init: RequestInit = { method, headers: { "X-Vivace-Request": "1" }, credentials: "same-origin" };
  if (body !== undefined) init.body = JSON.stringify(body);
  let response: Response;
  try {
    response = await fetch(path, init);
  } catch {
    throw new Fault(0, "vtctld does not answer: is it running, and can it be reached from here?");
  }
  const text = await response.text();
  if (!response.ok) {
    if (response.status === 401 && path !== "/api/session") whenSignedOut();
    throw new Fault(response.status, faultText(text, response));
  }
  return JSON.parse(text) as T;
}

function faultText(text: string, response: Response): string {
  try {
    const parsed = JSON.parse(text) as { error?: string };
    if (typeof parsed.error === "string") return parsed.error;
  } catch {
    // Plain text, of the routes for scripts.
  }
  return text === "" ? `vtctld answered ${response.status}` : text;
}

/** What is wrong, as text. */
export function told(fault: unknown): string {
  return fault instanceof Error ? fault.message : String(fault);
}

function query(parameters: Record<string, string | number>): string {
  const given = Object.entries(parameters).filter(([, value]) => value !== "" && value !== 0);
  return new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
}

export const api = {
  session: () => ask<Session>("GET", "/api/session"),
  signIn: (name: string, password: string) => ask<Session>("POST", "/api/session", { name, password }),
  signOut: () => ask<JsonObject>("DELETE", "/api/session"),
  keyspaces: (q: Record<string, string | number>) => ask<KeyspacesPage>("GET", `/api/live/keyspaces?${query(q)}`),
  tablets: (q: Record<string, string | number>) => ask<TabletsPage>("GET", `/api/live/tablets?${query(q)}`),
  tablet: (alias: string) => ask<TabletRow>("GET", `/api/live/tablets/${encodeURIComponent(alias)}`),
  /** An RPC that only reads, as vtctldclient has it. */
  read: <T>(rpc: string, request: JsonObject) => ask<T>("POST", `/api/read/${rpc}`, request),
  history: (keyspace: string) =>
    ask<HistoryEntry[]>("GET", keyspace === "" ? "/api/history" : `/api/history/${encodeURIComponent(keyspace)}`),
  jobs: () => ask<Job[]>("GET", "/api/operations"),
  job: (id: string, after: number) => ask<Job>("GET", `/api/operations/${encodeURIComponent(id)}?after=${after}`),
  begin: (name: string, request: JsonObject) => ask<{ id: number }>("POST", "/api/operations", { name, request }),
  dryRun: (name: string, request: JsonObject) =>
    ask<{ lines: string[]; detail?: JsonObject }>("POST", "/api/operations", { name, request, dry_run: true }),
  sql: (body: JsonObject) => ask<SqlAnswer>("POST", "/api/sql", body),
  topology: (path: string[], offset: number, limit: number) =>
    ask<TopologyNode>("GET", `/api/topodata/${path.map(encodeURIComponent).join("/")}?${query({ offset, limit })}`),
};
