// All tablets, filtered and by pages.
import { Choice, TextField } from "../components/field";
import { Heading } from "../components/heading";
import { Loading } from "../components/message";
import { Role, StateBadge } from "../components/state";
import { PAGE, Pager, Table } from "../components/table";
import { api } from "../lib/api";
import { plural, rate, seconds, shortAlias } from "../lib/format";
import { address, go } from "../lib/router";
import type { TabletRow } from "../lib/types";
import { useLoaded } from "../lib/use";

const FILTERS = ["keyspace", "shard", "cell", "role", "state", "text", "sort"];
const ROLES = ["PRIMARY", "REPLICA", "RDONLY", "SPARE", "DRAINED", "BACKUP", "RESTORE", "EXPERIMENTAL"];

export function Tablets({ query }: { query: URLSearchParams }) {
  const given = Object.fromEntries(FILTERS.map((name) => [name, query.get(name) ?? ""]));
  const offset = Number(query.get("offset") ?? 0);
  const asked = { ...given, offset, limit: PAGE };
  const page = useLoaded(JSON.stringify(asked), () => api.tablets(asked), 2000);
  const look = (changed: Record<string, string>) => go(address(["tablets"], { ...given, ...changed }), true);
  const field = (name: string, label: string) => (
    <TextField label={label} kind="search" value={given[name] ?? ""} change={(value) => look({ [name]: value })} />
  );
  const choice = (name: string, label: string, options: [string, string][]) => (
    <Choice label={label} value={given[name] ?? ""} options={options} change={(value) => look({ [name]: value })} />
  );
  return (
    <>
      <Heading title="Tablets" />
      <div class="filters" role="search" aria-label="Tablets">
        {field("keyspace", "Keyspace")}
        {field("shard", "Shard")}
        {field("cell", "Cell")}
        {choice("role", "Role", [["", "any"], ...ROLES.map((r): [string, string] => [r, r.toLowerCase()])])}
        {choice("state", "State", [["", "any"], ["serving", "serving"], ["not_serving", "not serving"], ["silent", "silent"]])}
        {choice("sort", "First", [["", "by keyspace"], ["lag", "largest lag"], ["qps", "most queries"]])}
        {field("text", "Text in it")}
      </div>
      <Loading {...page} />
      {page.value === undefined ? null : (
        <>
          <p class="soft" role="status">{plural(page.value.matched, "tablet")}</p>
          <TabletTable tablets={page.value.tablets} caption="Tablets" />
          <Pager matched={page.value.matched} offset={offset} noun="tablets" to={(to) => look({ offset: to === 0 ? "" : String(to) })} />
        </>
      )}
    </>
  );
}

export function TabletTable({ tablets, caption }: { tablets: TabletRow[]; caption: string }) {
  return (
    <Table
      caption={caption} rows={tablets} rowKey={(t) => t.alias} none="No tablet is like that."
      columns={[
        { name: "Alias", cell: (t: TabletRow) => <a href={address(["tablets", t.alias])}>{shortAlias(t.alias)}</a> },
        { name: "Keyspace", cell: (t) => <a href={address(["keyspaces", t.keyspace])}>{t.keyspace}</a> },
        { name: "Shard", cell: (t) => <code>{t.shard}</code> },
        { name: "Role", cell: (t) => <Role role={t.role} /> },
        { name: "State", cell: (t) => <StateBadge state={t.state} /> },
        { name: "Lag", number: true, cell: (t) => seconds(t.lag_seconds) },
        { name: "Queries/s", number: true, cell: (t) => rate(t.qps) },
        { name: "Host", cell: (t) => t.status_url === "" ? t.hostname : <a href={t.status_url} target="_blank" rel="noreferrer">{t.hostname}:{new URL(t.status_url).port}</a> },
        { name: "Says", cell: (t) => t.error },
      ]}
    />
  );
}
