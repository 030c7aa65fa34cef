// The live picture: what there is, what serves, what does not.
import { Check, TextField } from "../components/field";
import { Heading } from "../components/heading";
import { Loading, Message } from "../components/message";
import { PAGE, Pager, Table } from "../components/table";
import { api } from "../lib/api";
import { clock, count, plural, rate, seconds, shortAlias } from "../lib/format";
import { address, go } from "../lib/router";
import { useIsOperator } from "../lib/session";
import type { CellRow, KeyspaceRow, KeyspacesPage, ShardRow } from "../lib/types";
import { useLoaded } from "../lib/use";

const EVERY_MS = 2000;

export function Cluster({ query }: { query: URLSearchParams }) {
  const text = query.get("text") ?? "";
  const troubled = query.get("troubled") ?? "";
  const offset = Number(query.get("offset") ?? 0);
  const asked = { text, troubled, offset, limit: PAGE };
  const page = useLoaded(JSON.stringify(asked), () => api.keyspaces(asked), EVERY_MS);
  const operator = useIsOperator();
  const look = (changed: Record<string, string>) => go(address([], { text, troubled, ...changed }), true);
  return (
    <>
      <Heading title="Cluster">
        {operator ? <a class="button" href={address(["operations", "new", "Validate"])}>Validate</a> : null}
      </Heading>
      <Loading {...page} />
      {page.value === undefined ? null : <Summary page={page.value} />}
      <h2 id="keyspaces">Keyspaces</h2>
      <div class="filters" role="search" aria-label="Keyspaces">
        <TextField label="Name has" kind="search" value={text} change={(value) => look({ text: value })} />
        <Check label="Only with trouble" value={troubled !== ""} change={(value) => look({ troubled: value ? "true" : "" })} />
      </div>
      {page.value === undefined ? null : (
        <>
          {page.value.keyspaces.map((keyspace) => <Keyspace key={keyspace.keyspace} row={keyspace} />)}
          {page.value.keyspaces.length > 0 ? null : <p class="soft">No keyspace {text === "" && troubled === "" ? "yet" : "of that kind"}.</p>}
          <Pager matched={page.value.matched} offset={offset} noun="keyspaces" to={(to) => look({ offset: to === 0 ? "" : String(to) })} />
        </>
      )}
    </>
  );
}

function Summary({ page }: { page: KeyspacesPage }) {
  const { totals } = page;
  const away = totals.not_serving + totals.silent;
  return (
    <>
      {page.fault === null ? null : <Message kind="error" text={`The topology cannot be read: ${page.fault}`} />}
      <ul class="tiles" aria-label="In all">
        <Tile name="Keyspaces" value={count(totals.keyspaces)} more={plural(totals.shards, "shard")} />
        <Tile name="Tablets" value={count(totals.tablets)} more={`${count(totals.serving)} serve`} />
        <Tile name="Not serving" value={count(away)} more={totals.silent === 0 ? "" : `${count(totals.silent)} silent`} bad={away > 0} to={address(["tablets"], { state: totals.silent >= totals.not_serving ? "silent" : "not_serving" })} />
        <Tile name="Queries a second" value={rate(totals.qps)} more="" to={address(["tablets"], { sort: "qps" })} />
        <Tile name="Largest lag" value={seconds(totals.max_lag_seconds)} more="" bad={totals.max_lag_seconds > 30} to={address(["tablets"], { sort: "lag" })} />
      </ul>
      <p class="soft as-of">As of <time>{clock(page.taken_ms)}</time>, while this page is open.</p>
      <h2>Cells</h2>
      <Table
        caption="Cells" rows={page.cells} rowKey={(row) => row.cell}
        columns={[
          { name: "Cell", cell: (row: CellRow) => <a href={address(["tablets"], { cell: row.cell })}>{row.cell}</a> },
          { name: "Tablets", number: true, cell: (row) => count(row.tablets) },
          { name: "Serving", number: true, cell: (row) => count(row.serving) },
          { name: "Queries/s", number: true, cell: (row) => rate(row.qps) },
          { name: "Topology", cell: (row) => row.fault === null ? <span class="badge good">answers</span> : <span class="badge bad" title={row.fault}>away</span> },
        ]}
      />
    </>
  );
}

function Tile(props: { name: string; value: string; more: string; bad?: boolean; to?: string }) {
  const inside = <><span class="tile-name">{props.name}</span><strong>{props.value}</strong><small>{props.more}</small></>;
  return <li class={props.bad === true ? "tile bad" : "tile"}>{props.to === undefined ? inside : <a href={props.to}>{inside}</a>}</li>;
}

function Keyspace({ row }: { row: KeyspaceRow }) {
  return (
    <section class="card keyspace" aria-label={`Keyspace ${row.keyspace}`}>
      <div class="keyspace-head">
        <h3><a href={address(["keyspaces", row.keyspace])}>{row.keyspace}</a></h3>
        <span class="soft">{plural(row.shards.length + row.shards_left_out, "shard")}, {plural(row.tablets, "tablet")}, {rate(row.qps)} queries/s</span>
        <span class="links">
          <a href={address(["keyspaces", row.keyspace, "schema"])} aria-label={`Schema of ${row.keyspace}`}>Schema</a>
          <a href={address(["keyspaces", row.keyspace, "vschema"])} aria-label={`VSchema of ${row.keyspace}`}>VSchema</a>
          <a href={address(["keyspaces", row.keyspace, "history"])} aria-label={`History of ${row.keyspace}`}>History</a>
        </span>
      </div>
      <Shards keyspace={row.keyspace} shards={row.shards} />
      {row.shards_left_out === 0 ? null : <p class="soft">and {plural(row.shards_left_out, "more shard")}</p>}
    </section>
  );
}

/** With links to what an operator may do with each, where that is wanted. */
export function Shards({ keyspace, shards, operator }: { keyspace: string; shards: ShardRow[]; operator?: boolean }) {
  const form = (name: string, shard: string) => address(["operations", "new", name], { keyspace, shard });
  const actions = {
    name: "Do",
    cell: ({ shard }: ShardRow) => (
      <span class="links">
        <a href={form("PlannedReparentShard", shard)} aria-label={`Planned reparent of ${shard}`}>Reparent</a>
        <a href={form("EmergencyReparentShard", shard)} aria-label={`Emergency reparent of ${shard}`}>Emergency</a>
        <a href={form("ReloadSchemaShard", shard)} aria-label={`Reload schema of ${shard}`}>Reload schema</a>
      </span>
    ),
  };
  return (
    <Table
      caption={`Shards of ${keyspace}`} rows={shards} rowKey={(row) => row.shard} none="No tablet is in it."
      columns={[
        { name: "Shard", cell: (row: ShardRow) => <a href={address(["tablets"], { keyspace, shard: row.shard })}><code>{row.shard}</code></a> },
        {
          name: "Primary",
          cell: (row) => row.primary === null
            ? <span class="badge bad">none</span>
            : <><a href={address(["tablets", row.primary])}>{shortAlias(row.primary)}</a>{row.primary_serves ? null : <> <span class="badge bad">does not serve</span></>}</>,
        },
        { name: "Serving", number: true, cell: (row) => <span class={row.serving < row.tablets ? "trouble" : undefined}>{row.serving} of {row.tablets}</span> },
        { name: "Lag", number: true, cell: (row) => seconds(row.max_lag_seconds) },
        { name: "Queries/s", number: true, cell: (row) => rate(row.qps) },
        ...(operator === true ? [actions] : []),
      ]}
    />
  );
}
