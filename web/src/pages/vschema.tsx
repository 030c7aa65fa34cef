// The VSchema of a keyspace: looked at, changed, checked, compared, and only then applied.
import { useState } from "preact/hooks";
import { Code, Diff } from "../components/code";
import { Confirm } from "../components/dialog";
import { Area } from "../components/field";
import { Heading } from "../components/heading";
import { Loading, Message } from "../components/message";
import { Table } from "../components/table";
import { api, told } from "../lib/api";
import { diffLines, type DiffLine } from "../lib/diff";
import { address, go } from "../lib/router";
import { useIsOperator } from "../lib/session";
import type { Json, JsonObject } from "../lib/types";
import { useLoaded } from "../lib/use";

interface VSchemaAnswer {
  v_schema: JsonObject | null;
}

export function VSchemaPage({ keyspace }: { keyspace: string }) {
  const vschema = useLoaded(`vschema ${keyspace}`, () => api.read<VSchemaAnswer>("GetVSchema", { keyspace }));
  const [editing, setEditing] = useState(false);
  const operator = useIsOperator();
  const record = vschema.value === undefined ? undefined : compact(vschema.value.v_schema ?? {});
  const text = record === undefined ? "" : JSON.stringify(record, null, 2);
  return (
    <>
      <Heading title={`VSchema of ${keyspace}`} above={[["Cluster", address([])], [keyspace, address(["keyspaces", keyspace])]]}>
        {operator && record !== undefined && !editing ? <button type="button" class="primary" onClick={() => setEditing(true)}>Edit</button> : null}
        {operator ? <a class="button" href={address(["operations", "new", "RebuildVSchemaGraph"])}>Rebuild graph</a> : null}
      </Heading>
      <Loading {...vschema} />
      {record === undefined ? null : editing
        ? <Editor keyspace={keyspace} text={text} cancel={() => setEditing(false)} />
        : <><Overview record={record} /><h2>As JSON</h2><Code label="VSchema" text={text} /></>}
    </>
  );
}

/** Without what says nothing: empty lists, false, "", 0. */
function compact(value: JsonObject): JsonObject {
  const entries = Object.entries(value).map(([name, v]): [string, Json] => [name, inside(v)]);
  return Object.fromEntries(entries.filter(([, v]) => !saysNothing(v)));
}

function inside(value: Json): Json {
  if (Array.isArray(value)) return value.map(inside);
  if (typeof value !== "object" || value === null) return value;
  // A table or a vindex without anything is still one.
  return compactRecord(value);
}

function compactRecord(value: JsonObject): JsonObject {
  const entries = Object.entries(value).map(([name, v]): [string, Json] => [name, inside(v)]);
  const isRecord = (v: Json) => typeof v === "object" && v !== null && !Array.isArray(v);
  return Object.fromEntries(entries.filter(([name, v]) => (isRecord(v) && name !== "params") || !saysNothing(v)));
}

function saysNothing(value: Json): boolean {
  if (Array.isArray(value)) return value.length === 0;
  if (typeof value === "object" && value !== null) return Object.keys(value).length === 0;
  return value === null || value === false || value === "" || value === 0;
}

interface TableRecord {
  name: string;
  type: string;
  vindexes: string;
  sequence: string;
}

function object(value: Json | undefined): JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value : {};
}

function Overview({ record }: { record: JsonObject }) {
  const tables = Object.entries(object(record["tables"])).map(([name, value]): TableRecord => {
    const table = object(value);
    const columns = Array.isArray(table["column_vindexes"]) ? table["column_vindexes"].map((v) => object(v)) : [];
    const increment = object(table["auto_increment"]);
    return {
      name,
      type: typeof table["type"] === "string" ? table["type"] : "",
      vindexes: columns.map((c) => `${columnsOf(c)} by ${String(c["name"] ?? "")}`).join("; "),
      sequence: typeof increment["sequence"] === "string" ? `${String(increment["column"] ?? "")} from ${increment["sequence"]}` : "",
    };
  });
  const vindexes = Object.entries(object(record["vindexes"])).map(([name, value]) => ({ name, ...described(object(value)) }));
  return (
    <>
      <p>{record["sharded"] === true ? "Sharded." : "Not sharded."}</p>
      <Table
        caption="Tables" rows={tables} rowKey={(t) => t.name} none="No table is in it."
        columns={[
          { name: "Table", cell: (t: TableRecord) => t.name },
          { name: "Placed", cell: (t) => t.vindexes },
          { name: "Ids", cell: (t) => t.sequence },
          { name: "Type", cell: (t) => t.type },
        ]}
      />
      {vindexes.length === 0 ? null : (
        <>
          <h2>Vindexes</h2>
          <Table
            caption="Vindexes" rows={vindexes} rowKey={(v) => v.name}
            columns={[
              { name: "Vindex", cell: (v: { name: string; type: string; owner: string; params: string }) => v.name },
              { name: "Type", cell: (v) => v.type },
              { name: "Owner", cell: (v) => v.owner },
              { name: "Parameters", cell: (v) => v.params },
            ]}
          />
        </>
      )}
    </>
  );
}

function columnsOf(vindex: JsonObject): string {
  const columns = vindex["columns"];
  return Array.isArray(columns) ? columns.map(String).join(", ") : String(vindex["column"] ?? "");
}

function described(vindex: JsonObject): { type: string; owner: string; params: string } {
  const params = Object.entries(object(vindex["params"])).map(([name, value]) => `${name} = ${String(value)}`);
  return { type: String(vindex["type"] ?? ""), owner: String(vindex["owner"] ?? ""), params: params.join(", ") };
}

type Checked = { text: string; lines: string[]; diff: DiffLine[]; before: string };

function Editor(props: { keyspace: string; text: string; cancel: () => void }) {
  const { keyspace } = props;
  const [text, setText] = useState(props.text);
  const [checked, setChecked] = useState<Checked>();
  const [fault, setFault] = useState<string>();
  const [asking, setAsking] = useState(false);
  const failed = (e: unknown) => setFault(told(e));

  const tried = async (): Promise<Checked> => {
    const { lines, detail } = await api.dryRun("ApplyVSchema", { keyspace, v_schema: parsed(text) });
    const before = sorted(detail?.["before"] ?? {});
    return { text, lines, before, diff: diffLines(before, sorted(detail?.["after"] ?? {})) };
  };
  const check = () => {
    setFault(undefined);
    setChecked(undefined);
    tried().then(setChecked, failed);
  };
  const apply = async () => {
    setAsking(false);
    const now = await tried();
    if (checked === undefined || now.before !== checked.before) {
      setChecked(now);
      throw new Error("somebody else changed the VSchema meanwhile: look at the difference again");
    }
    const { id } = await api.begin("ApplyVSchema", { keyspace, v_schema: parsed(text) });
    go(address(["operations", String(id)]));
  };
  return (
    <>
      <form class="card form" onSubmit={(e) => { e.preventDefault(); check(); }}>
        <Area label="VSchema" rows={22} value={text} change={setText} hint="As JSON. Checking writes nothing." />
        <div class="buttons">
          <button class="primary">Check and compare</button>
          <button type="button" disabled={checked === undefined || checked.text !== text} onClick={() => setAsking(true)}>Apply…</button>
          <button type="button" onClick={props.cancel}>Cancel</button>
        </div>
      </form>
      {fault === undefined ? null : <Message kind="error" text={fault} />}
      {checked === undefined ? null : (
        <section aria-label="Check">
          <h2>The difference</h2>
          {checked.lines.map((line) => <Message kind={line.startsWith("warning") ? "warning" : "info"} text={line} />)}
          <Diff label="Difference" lines={checked.diff} />
          {checked.text === text ? null : <p class="soft">The text was changed since: check it again before applying.</p>}
        </section>
      )}
      {asking && checked !== undefined ? (
        <Confirm title={`Apply the VSchema of ${keyspace}?`} action="Apply" confirm={() => { apply().catch(failed); }} cancel={() => setAsking(false)}>
          <p>Every vtgate follows within moments.</p>
          <Diff label="Difference" lines={checked.diff} />
        </Confirm>
      ) : null}
    </>
  );
}

function parsed(text: string): JsonObject {
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch (e) {
    throw new Error(`this is no JSON: ${told(e)}`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error("a VSchema is a JSON object");
  return value;
}

/** JSON with names in order, so that only what is different differs. */
function sorted(value: Json): string {
  const order = (v: Json): Json => {
    if (Array.isArray(v)) return v.map(order);
    if (typeof v !== "object" || v === null) return v;
    return Object.fromEntries(Object.entries(v).sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, one]) => [name, order(one)]));
  };
  return JSON.stringify(order(value), null, 2);
}
