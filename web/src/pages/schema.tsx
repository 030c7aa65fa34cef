// The tables of a keyspace, as the primary of one of its shards has them.
import { useState } from "preact/hooks";
import { Code } from "../components/code";
import { Choice, TextField } from "../components/field";
import { Facts, Heading } from "../components/heading";
import { Loading, Message } from "../components/message";
import { PAGE, Pager, Table } from "../components/table";
import { api } from "../lib/api";
import { bytes, count, shortAlias } from "../lib/format";
import { address } from "../lib/router";
import { useIsOperator } from "../lib/session";
import type { TableDefinition } from "../lib/types";
import { useLoaded } from "../lib/use";
import { parseAlias } from "../operations/catalog";

interface SchemaAnswer {
  schema: { table_definitions: TableDefinition[] } | null;
}

interface ShardsAnswer {
  shards: Record<string, { shard: { primary_alias: { cell: string; uid: number } | null } }>;
}

export function SchemaPage({ keyspace, table }: { keyspace: string; table: string | undefined }) {
  const shards = useLoaded(`shards ${keyspace}`, () => api.read<ShardsAnswer>("FindAllShardsInKeyspace", { keyspace }));
  const [chosen, setChosen] = useState("");
  const operator = useIsOperator();
  const names = Object.keys(shards.value?.shards ?? {}).sort();
  const shard = chosen === "" ? names[0] : chosen;
  const primary = shard === undefined ? undefined : shards.value?.shards[shard]?.shard.primary_alias;
  const above: [string, string][] = [["Cluster", address([])], [keyspace, address(["keyspaces", keyspace])]];
  if (table !== undefined) above.push(["Schema", address(["keyspaces", keyspace, "schema"])]);
  return (
    <>
      <Heading title={table ?? `Schema of ${keyspace}`} above={above}>
        {operator ? <a class="button" href={address(["operations", "new", "ApplySchema"], { keyspace })}>Apply schema</a> : null}
        {operator ? <a class="button" href={address(["operations", "new", "ReloadSchemaKeyspace"], { keyspace })}>Reload</a> : null}
      </Heading>
      <Loading {...shards} />
      {names.length < 2 ? null : (
        <div class="filters"><Choice label="Shard" value={shard ?? ""} options={names.map((n) => [n, n])} change={setChosen} /></div>
      )}
      {shards.value === undefined ? null : primary === undefined || primary === null
        ? <Message kind="warning" text={shard === undefined ? `${keyspace} has no shards.` : `Shard ${shard} has no primary: there is nobody to ask for tables.`} />
        : table === undefined
          ? <TableList keyspace={keyspace} alias={`${primary.cell}-${primary.uid}`} />
          : <OneTable alias={`${primary.cell}-${primary.uid}`} table={table} />}
    </>
  );
}

function TableList({ keyspace, alias }: { keyspace: string; alias: string }) {
  const [text, setText] = useState("");
  const [offset, setOffset] = useState(0);
  const schema = useLoaded(`tables ${alias}`, async () =>
    api.read<SchemaAnswer>("GetSchema", { tablet_alias: parseAlias(alias), include_views: true, table_sizes_only: true }));
  const found = (schema.value?.schema?.table_definitions ?? []).filter((t) => t.name.includes(text));
  return (
    <>
      <Loading {...schema} />
      <div class="filters" role="search" aria-label="Tables">
        <TextField label="Name has" kind="search" value={text} change={(value) => { setText(value); setOffset(0); }} />
      </div>
      {schema.value === undefined ? null : (
        <>
          <Table
            caption="Tables" rows={found.slice(offset, offset + PAGE)} rowKey={(t) => t.name} none="No table is there."
            columns={[
              { name: "Table", cell: (t: TableDefinition) => <a href={address(["keyspaces", keyspace, "schema", t.name])}>{t.name}</a> },
              { name: "Type", cell: (t) => t.type.toLowerCase() },
              { name: "Rows, about", number: true, cell: (t) => count(Number(t.row_count)) },
              { name: "Size", number: true, cell: (t) => bytes(Number(t.data_length)) },
            ]}
          />
          <Pager matched={found.length} offset={offset} noun="tables" to={setOffset} />
          <p class="soft">As {shortAlias(alias)} has them.</p>
        </>
      )}
    </>
  );
}

function OneTable({ alias, table }: { alias: string; table: string }) {
  const schema = useLoaded(`table ${alias} ${table}`, async () =>
    // Tables are named by patterns here: ^...$ is this one alone.
    api.read<SchemaAnswer>("GetSchema", { tablet_alias: parseAlias(alias), include_views: true, tables: [table] }));
  const found = schema.value?.schema?.table_definitions.find((t) => t.name === table);
  if (schema.value !== undefined && found === undefined) return <Message kind="warning" text={`${shortAlias(alias)} has no table ${table}.`} />;
  return (
    <>
      <Loading {...schema} />
      {found === undefined ? null : (
        <>
          <Facts
            facts={[
              ["Type", found.type.toLowerCase()],
              ["Primary key", found.primary_key_columns.length === 0 ? "none" : found.primary_key_columns.join(", ")],
              ["Columns", String(found.columns.length)],
              ["Rows, about", count(Number(found.row_count))],
              ["Size", bytes(Number(found.data_length))],
            ]}
          />
          <Code label={`Definition of ${table}`} text={found.schema} />
        </>
      )}
    </>
  );
}
