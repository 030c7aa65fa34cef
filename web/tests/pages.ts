// The pages, and what must hold for each of them.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { expect, type Page } from "@playwright/test";
import type { AxeResults } from "axe-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export const PAGES: Record<string, string> = {
  cluster: "/ui/",
  tablets: "/ui/tablets",
  tablet: "/ui/tablets/zone1-103",
  keyspace: "/ui/keyspaces/customer",
  schema: "/ui/keyspaces/customer/schema",
  table: "/ui/keyspaces/customer/schema/customer",
  vschema: "/ui/keyspaces/customer/vschema",
  history: "/ui/keyspaces/customer/history",
  operations: "/ui/operations",
  operation: "/ui/operations/new/PlannedReparentShard?keyspace=customer&shard=-80",
  sql: "/ui/sql",
  topology: "/ui/topology/global/keyspaces/customer",
  record: "/ui/topology/global/keyspaces/customer/Keyspace",
  missing: "/ui/no/such/page",
};

/** Nothing that axe calls serious or critical, and nothing that is wider than the window. */
export async function expectSound(page: Page): Promise<void> {
  // Evaluated by the tests' own channel to the browser, which the pages' Content-Security-Policy does not concern.
  await page.evaluate(axe);
  const results = await page.evaluate(async () => (window as unknown as { axe: { run: () => Promise<AxeResults> } }).axe.run());
  const serious = results.violations.filter((v) => v.impact === "serious" || v.impact === "critical");
  const told = serious.map((v) => `${v.id}: ${v.help}\n  ${v.nodes.map((n) => n.html).join("\n  ")}`);
  expect(told, told.join("\n")).toEqual([]);
  const excess = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  expect(excess, "wider than the window").toBeLessThanOrEqual(0);
}

/** Opens a page and waits until nothing is being loaded. */
export async function open(page: Page, path: string): Promise<void> {
  await page.goto(path);
  await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
  await expect(page.getByText("Loading…")).toHaveCount(0);
}
