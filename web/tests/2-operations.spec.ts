// Each operation of the catalog: tried first, then carried out, with its progress and log, on real tablets.
import { expect, test, type Page } from "@playwright/test";
import { OPERATIONS, operation } from "../src/operations/catalog";
import { expectSound, open } from "./pages";

/** What is filled in, what the dry run tells, and what the end is. In this order: later ones need earlier ones. */
const CASES: { name: string; values: Record<string, string>; tells: RegExp; fails?: RegExp }[] = [
  { name: "PingTablet", values: { Tablet: "zone1-101" }, tells: /zone1-0000000101 \(commerce\/0, REPLICA/ },
  { name: "RefreshState", values: { Tablet: "zone1-101" }, tells: /calls RefreshState/ },
  { name: "RunHealthCheck", values: { Tablet: "zone1-101" }, tells: /calls RunHealthCheck/ },
  { name: "ReloadSchema", values: { Tablet: "zone1-101" }, tells: /calls ReloadSchema/ },
  { name: "StopReplication", values: { Tablet: "zone1-101" }, tells: /on zone1-0000000101/ },
  { name: "StartReplication", values: { Tablet: "zone1-101" }, tells: /on zone1-0000000101/ },
  { name: "ReparentTablet", values: { Tablet: "zone1-101" }, tells: /on zone1-0000000101/ },
  { name: "SetWritable", values: { Tablet: "zone1-100", Writable: "true" }, tells: /zone1-0000000100: read_only stays false/ },
  { name: "ChangeTabletType", values: { Tablet: "zone1-101", "New type": "RDONLY" }, tells: /REPLICA becomes RDONLY/ },
  { name: "ChangeTabletType", values: { Tablet: "zone1-101", "New type": "REPLICA" }, tells: /RDONLY becomes REPLICA/ },
  { name: "DeleteTablets", values: { Tablet: "zone1-999" }, tells: /calls DeleteTablets/, fails: /zone1-0000000999/ },
  { name: "ApplySchema", values: { Keyspace: "customer", SQL: "create table made (id bigint primary key)" }, tells: /statement 1 of 1: create table made[\s\S]*customer\/-80[\s\S]*customer\/80-/ },
  { name: "ReloadSchemaShard", values: { Keyspace: "customer", Shard: "-80" }, tells: /on zone1-0000000103/ },
  { name: "ReloadSchemaKeyspace", values: { Keyspace: "customer" }, tells: /on zone1-0000000105/ },
  { name: "CreateKeyspace", values: { Keyspace: "fresh" }, tells: /calls CreateKeyspace/ },
  { name: "CreateShard", values: { Keyspace: "fresh", Shard: "0" }, tells: /calls CreateShard/ },
  { name: "SetKeyspaceDurabilityPolicy", values: { Keyspace: "fresh", Durability: "semi_sync" }, tells: /semi_sync/ },
  { name: "SetVtorcEmergencyReparent", values: { Keyspace: "fresh" }, tells: /disable/ },
  { name: "SetShardIsPrimaryServing", values: { Keyspace: "fresh", Shard: "0" }, tells: /is_serving/ },
  { name: "RebuildKeyspaceGraph", values: { Keyspace: "customer" }, tells: /calls RebuildKeyspaceGraph/ },
  { name: "RebuildVSchemaGraph", values: {}, tells: /calls RebuildVSchemaGraph/ },
  { name: "RefreshStateByShard", values: { Keyspace: "customer", Shard: "80-" }, tells: /on zone1-0000000104/ },
  { name: "Validate", values: {}, tells: /calls Validate/ },
  { name: "ValidateKeyspace", values: { Keyspace: "customer" }, tells: /calls ValidateKeyspace/ },
  { name: "ValidateShard", values: { Keyspace: "customer", Shard: "-80" }, tells: /calls ValidateShard/ },
  { name: "DeleteShards", values: { Keyspace: "fresh", Shard: "0", "Even if it serves": "true" }, tells: /calls DeleteShards/ },
  { name: "DeleteKeyspace", values: { Keyspace: "fresh" }, tells: /calls DeleteKeyspace/ },
  { name: "PlannedReparentShard", values: { Keyspace: "customer", Shard: "-80", "New primary": "zone1-103" }, tells: /Graceful: primary zone1-0000000102 -> zone1-0000000103[\s\S]*DemotePrimary zone1-0000000102/ },
  { name: "PlannedReparentShard", values: { Keyspace: "customer", Shard: "-80", "New primary": "zone1-102" }, tells: /zone1-0000000103 -> zone1-0000000102/ },
  { name: "EmergencyReparentShard", values: { Keyspace: "commerce", Shard: "0", "New primary": "zone1-101" }, tells: /Emergency: primary zone1-0000000100 -> zone1-0000000101/ },
];

async function fill(page: Page, name: string, values: Record<string, string>): Promise<void> {
  for (const [label, value] of Object.entries(values)) {
    const field = page.getByLabel(label, { exact: true });
    const kind = await field.evaluate((element) => `${element.tagName} ${element.getAttribute("type") ?? ""}`);
    if (kind.startsWith("SELECT")) await field.selectOption(value);
    else if (kind === "INPUT checkbox") await field.setChecked(value === "true");
    else await field.fill(value);
  }
  expect(operation(name), name).toBeDefined();
}

test.describe.configure({ mode: "serial" });

test("every operation of the catalog has a case", () => {
  expect(new Set(CASES.map((c) => c.name))).toEqual(new Set(OPERATIONS.map((o) => o.name)));
});

CASES.forEach(({ name, values, tells, fails }, number) => {
  test(`${name} (${number})`, async ({ page }) => {
    await open(page, `/ui/operations/new/${name}`);
    await fill(page, name, values);
    await page.getByRole("button", { name: "Dry run" }).click();
    await expect(page.getByRole("region", { name: "Dry run" }).or(page.getByRole("alert"))).toBeVisible();
    if (fails === undefined) await expect(page.getByRole("region", { name: "Dry run" })).toHaveText(tells);
    await page.getByRole("button", { name: "Run…" }).click();
    const dialog = page.getByRole("dialog");
    await expect(dialog.getByRole("heading")).toContainText("?");
    await dialog.getByRole("button", { name: "Run" }).click();
    await expect(page).toHaveURL(/operations\/\d+$/);
    if (fails === undefined) {
      await expect(page.getByText(/^Done in/)).toBeVisible({ timeout: 40_000 });
    } else {
      await expect(page.getByRole("alert")).toHaveText(fails);
    }
    await expect(page.getByRole("log", { name: "Log" }).getByText(`${name} begins`)).toBeVisible();
    if (name === "PlannedReparentShard") {
      await expect(page.getByRole("log")).toContainText(/PromoteReplica zone1-000000010\d done/);
      await expectSound(page);
      await page.screenshot({ path: "test-results/shots/job.png", fullPage: true });
    }
  });
});

test("what was done is listed, and is in the keyspace's history", async ({ page }) => {
  await open(page, "/ui/operations");
  await expect(page.getByRole("table").getByText("PlannedReparentShard").first()).toBeVisible();
  await open(page, "/ui/keyspaces/customer/history");
  const row = page.getByRole("row").filter({ hasText: "PlannedReparentShard" }).first();
  await expect(row).toContainText("local");
  await expect(row).toContainText("done");
  await open(page, "/ui/history");
  await expect(page.getByRole("row").filter({ hasText: "DeleteKeyspace" }).first()).toContainText("fresh");
});

test("what is missing or wrong in a form is named, and nothing is begun", async ({ page }) => {
  await open(page, "/ui/operations/new/PlannedReparentShard?keyspace=customer&shard=-80");
  await page.getByLabel("New primary").fill("nonsense");
  await page.getByRole("button", { name: "Run…" }).click();
  await expect(page.getByRole("alert")).toHaveText(/“nonsense” is no tablet’s alias/);
  await page.getByLabel("New primary").fill("");
  await page.getByLabel("Shard", { exact: true }).fill("40-50");
  await page.getByRole("button", { name: "Dry run" }).click();
  await expect(page.getByRole("alert")).toContainText("40-50");
});

test("the last question keeps the focus, and Escape takes it back", async ({ page }) => {
  await open(page, "/ui/operations/new/EmergencyReparentShard?keyspace=customer&shard=-80");
  await page.getByRole("button", { name: "Run…" }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog).toContainText("not tried yet");
  await expectSound(page);
  await page.screenshot({ path: "test-results/shots/dialog.png" });
  for (let presses = 0; presses < 5; presses += 1) {
    await page.keyboard.press("Tab");
    const outside = await page.evaluate(() => {
      const active = document.activeElement;
      return active !== null && active !== document.body && active.closest("dialog") === null;
    });
    expect(outside).toBe(false);
  }
  await page.keyboard.press("Escape");
  await expect(dialog).toHaveCount(0);
});
