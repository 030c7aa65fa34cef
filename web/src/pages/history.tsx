// What was done to a keyspace, or to the cluster as a whole: who, what, when, and how it ended.
import { Choice } from "../components/field";
import { Heading } from "../components/heading";
import { Loading } from "../components/message";
import { Table } from "../components/table";
import { api } from "../lib/api";
import { millis, moment, shortAlias } from "../lib/format";
import { address, go } from "../lib/router";
import type { HistoryEntry } from "../lib/types";
import { useLoaded } from "../lib/use";

export function HistoryPage({ keyspace }: { keyspace: string }) {
  const history = useLoaded(`history ${keyspace}`, () => api.history(keyspace), 5000);
  const names = useLoaded("keyspaces", () => api.keyspaces({ limit: 200 }));
  const options: [string, string][] = [["", "the cluster as a whole"]];
  const known = names.value?.keyspaces.map((k) => k.keyspace) ?? [];
  if (keyspace !== "" && !known.includes(keyspace)) known.push(keyspace);
  known.forEach((name) => options.push([name, name]));
  const above: [string, string][] = keyspace === "" ? [] : [["Cluster", address([])], [keyspace, address(["keyspaces", keyspace])]];
  return (
    <>
      <Heading title={keyspace === "" ? "History" : `History of ${keyspace}`} above={above} />
      <div class="filters">
        <Choice label="Of" value={keyspace} options={options} change={(name) => go(address(["history"], { keyspace: name }))} />
      </div>
      <Loading {...history} />
      {history.value === undefined ? null : (
        <Table
          caption="History" rows={[...history.value].reverse()} rowKey={(e) => `${e.at} ${e.operation} ${e.target} ${e.took_ms}`}
          none="Nothing was done yet, or nothing is kept of it."
          columns={[
            { name: "When", cell: (e: HistoryEntry) => <time dateTime={e.at}>{moment(e.at)}</time> },
            { name: "Who", cell: (e) => e.who },
            { name: "What", cell: (e) => <>{e.operation} {e.target === "" ? null : <code>{e.target.split(", ").map(shortAlias).join(", ")}</code>}</> },
            { name: "Outcome", cell: (e) => e.error === null ? <span class="badge good">done</span> : <><span class="badge bad">failed</span> <span class="cut-long">{e.error}</span></> },
            { name: "Took", number: true, cell: (e) => millis(e.took_ms) },
            { name: "Request", cell: (e) => <details><summary>Show</summary><code class="break">{e.request}</code></details> },
          ]}
        />
      )}
      <p class="soft">The last 100 operations and repairs by vtorc are kept in the topology, whichever way they were asked for. A name is proven where it is a signed-in user’s or a certificate’s; what a command line says of itself is marked as unproven.</p>
    </>
  );
}
