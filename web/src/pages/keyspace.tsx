// A keyspace: its record, shards, tablets, and what can be done with it.
import { Facts, Heading } from "../components/heading";
import { Loading, Message } from "../components/message";
import { PAGE } from "../components/table";
import { api } from "../lib/api";
import { plural } from "../lib/format";
import { address } from "../lib/router";
import { useIsOperator } from "../lib/session";
import { useLoaded } from "../lib/use";
import { Shards } from "./cluster";
import { TabletTable } from "./tablets";

interface KeyspaceAnswer {
  keyspace: { keyspace: { durability_policy: string; keyspace_type: string; vtorc_state: { disable_emergency_reparent: boolean } | null } };
}

const ACTIONS: [string, string][] = [
  ["ApplySchema", "Apply schema"],
  ["RebuildKeyspaceGraph", "Rebuild graph"],
  ["SetKeyspaceDurabilityPolicy", "Durability"],
  ["ValidateKeyspace", "Validate"],
];

export function KeyspacePage({ keyspace }: { keyspace: string }) {
  const record = useLoaded(`record ${keyspace}`, () => api.read<KeyspaceAnswer>("GetKeyspace", { keyspace }));
  const all = useLoaded(`shards ${keyspace}`, () => api.read<{ shards: Record<string, unknown> }>("FindAllShardsInKeyspace", { keyspace }));
  const live = useLoaded(`live ${keyspace}`, () => api.keyspaces({ keyspace }), 2000);
  const tablets = useLoaded(`tablets ${keyspace}`, () => api.tablets({ keyspace, limit: PAGE }), 2000);
  const operator = useIsOperator();
  const row = live.value?.keyspaces.find((k) => k.keyspace === keyspace);
  const facts = record.value?.keyspace.keyspace;
  const empty = Object.keys(all.value?.shards ?? {}).filter((name) => row !== undefined && !row.shards.some((s) => s.shard === name));
  return (
    <>
      <Heading title={keyspace} above={[["Cluster", address([])]]}>
        <a class="button" href={address(["keyspaces", keyspace, "schema"])}>Schema</a>
        <a class="button" href={address(["keyspaces", keyspace, "vschema"])}>VSchema</a>
        <a class="button" href={address(["keyspaces", keyspace, "history"])}>History</a>
        <a class="button" href={address(["topology", "global", "keyspaces", keyspace])}>Records</a>
      </Heading>
      <Loading {...record} />
      {facts === undefined ? null : (
        <Facts
          facts={[
            ["Durability", facts.durability_policy === "" ? "none" : facts.durability_policy],
            ["Type", facts.keyspace_type.toLowerCase()],
            ["vtorc replaces dead primaries", facts.vtorc_state?.disable_emergency_reparent === true ? "no" : "yes"],
          ]}
        />
      )}
      {operator ? (
        <div class="buttons">{ACTIONS.map(([name, title]) => <a class="button" href={address(["operations", "new", name], { keyspace })}>{title}</a>)}</div>
      ) : null}
      <h2>Shards</h2>
      <Loading {...live} />
      {row === undefined ? null : <Shards keyspace={keyspace} shards={row.shards} operator={operator} />}
      {empty.length === 0 ? null : <Message kind="warning" text={`${plural(empty.length, "shard")} without any tablet: ${empty.slice(0, 20).join(", ")}`} />}
      <h2>Tablets</h2>
      {tablets.value === undefined ? null : (
        <>
          <TabletTable tablets={tablets.value.tablets} caption={`Tablets of ${keyspace}`} />
          {tablets.value.matched > tablets.value.tablets.length
            ? <p><a href={address(["tablets"], { keyspace })}>All {plural(tablets.value.matched, "tablet")}</a></p>
            : null}
        </>
      )}
    </>
  );
}
