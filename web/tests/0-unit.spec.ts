// What needs no browser: differences, plans, requests.
import { expect, test } from "@playwright/test";
import { diffLines, withContext } from "../src/lib/diff";
import { bytes, micros, seconds, shortAlias } from "../src/lib/format";
import { readPlan } from "../src/lib/vexplain";
import { OPERATIONS, operation, parseAlias, requestOf, type Values } from "../src/operations/catalog";
import { requestText } from "../src/operations/text";

test("a difference is the fewest lines, and both texts can be made of it", () => {
  const lines = diffLines("a\nb\nc\nd\ne", "a\nc\nx\nd\ne\nf");
  const signs = { same: " ", added: "+", removed: "-" };
  expect(lines.map((l) => signs[l.kind] + l.text)).toEqual([" a", "-b", " c", "+x", " d", " e", "+f"]);
  for (const [a, b] of [["", "x"], ["x\ny", ""], ["same", "same"], ["1\n2\n3", "3\n2\n1"]] as const) {
    const made = diffLines(a, b);
    expect(made.filter((l) => l.kind !== "added").map((l) => l.text).join("\n")).toBe(a);
    expect(made.filter((l) => l.kind !== "removed").map((l) => l.text).join("\n")).toBe(b);
  }
});

test("what did not change is left out", () => {
  const before = Array.from({ length: 20 }, (_, n) => `line ${n}`).join("\n");
  const shown = withContext(diffLines(before, before.replace("line 10", "new")), 2);
  expect(shown.map((l) => (l === null ? "…" : l.text))).toEqual(["…", "line 8", "line 9", "line 10", "new", "line 11", "line 12", "…"]);
});

test("a traced plan is a tree with what each shard was sent", () => {
  const route = (query: string) => ({ Route: { keyspace: "ks", routing: { In: { vindex: { name: "xxhash" } } }, query } });
  const sent = (query: string, shard: string) => ({ call: 0, keyspace: "ks", shard, tablet_type: "primary", query, rows: 1, microseconds: 5 });
  const plan = readPlan(JSON.stringify({
    root: { Limit: { input: { Join: { kind: "Inner", left: route("select 1"), right: { Route: { routing: "Scatter", query: "select 2" } } } }, count: { Bind: "x" } } },
    tables_used: ["ks.t"],
    warnings: ["Scatter"],
    rows_returned: 2,
    queries: [sent("select 1", "-80"), sent("select 1", "80-"), sent("begin", "-80")],
  }));
  const join = plan.root?.children[0];
  expect([plan.root?.name, join?.name]).toEqual(["Limit", "Join"]);
  expect(join?.children.map((c) => [c.role, c.sent.map((s) => s.shard), Object.fromEntries(c.facts)["routing"]])).toEqual([
    ["left", ["-80", "80-"], "In by xxhash"], ["right", [], "Scatter"],
  ]);
  expect(plan.others.map((s) => s.query)).toEqual(["begin"]);
});

test("a form becomes the request of its RPC", () => {
  const request = (name: string, values: Values) => {
    const found = operation(name);
    if (found === undefined) throw new Error(name);
    return requestOf(found, values);
  };
  expect(request("PlannedReparentShard", { keyspace: "ks", shard: "-80", new_primary: "zone1-0000000101", wait_replicas_timeout: "30" })).toEqual({
    keyspace: "ks", shard: "-80", new_primary: { cell: "zone1", uid: 101 }, wait_replicas_timeout: { seconds: "30", nanos: 0 },
  });
  expect(request("DeleteShards", { keyspace: "ks", shards: "0" })).toEqual({ shards: [{ keyspace: "ks", name: "0" }] });
  expect(request("RebuildKeyspaceGraph", { keyspace: "ks", cells: "a, b" })).toEqual({ keyspace: "ks", cells: ["a", "b"] });
  expect(() => request("PlannedReparentShard", { keyspace: "ks" })).toThrow("Shard is missing");
  expect(() => parseAlias("101")).toThrow("zone1-101");
  expect(requestText({ keyspace: "ks", tablet_alias: { cell: "a-b", uid: 7 }, sql: ["x", "y"] })).toBe("keyspace ks, tablet_alias a-b-7, sql x; y");
  expect(new Set(OPERATIONS.map((o) => o.name)).size).toBe(OPERATIONS.length);
});

test("numbers as people read them", () => {
  expect([bytes(512), bytes(1536), seconds(119), seconds(7200), micros(999), micros(51_234), shortAlias("zone1-0000000100")])
    .toEqual(["512 B", "1.5 KiB", "119 s", "2 h", "999 µs", "51.2 ms", "zone1-100"]);
});
