// VSchemas, tables, SQL, and the topology's records.
import { expect, test, type Page } from "@playwright/test";
import { expectSound, open } from "./pages";

async function edit(page: Page, change: (vschema: { tables: Record<string, unknown> }) => void): Promise<void> {
  await open(page, "/ui/keyspaces/customer/vschema");
  await page.getByRole("button", { name: "Edit" }).click();
  const area = page.getByLabel("VSchema", { exact: true });
  const vschema = JSON.parse(await area.inputValue()) as { tables: Record<string, unknown> };
  change(vschema);
  await area.fill(JSON.stringify(vschema, null, 2));
  await page.getByRole("button", { name: "Check and compare" }).click();
}

const TABLE = { column_vindexes: [{ column: "id", name: "xxhash" }] };

test("a VSchema is checked, compared, and only then applied", async ({ page }) => {
  await edit(page, (v) => { v.tables["edited"] = { column_vindexes: [{ column: "id", name: "no_such_vindex" }] }; });
  await expect(page.getByRole("alert")).toContainText("no_such_vindex");
  await expect(page.getByRole("button", { name: "Apply…" })).toBeDisabled();

  await edit(page, (v) => { v.tables["edited"] = TABLE; });
  const difference = page.getByRole("region", { name: "Difference" });
  await expect(difference).toContainText('"edited"');
  await expectSound(page);
  await page.screenshot({ path: "test-results/shots/vschema-edit.png", fullPage: true });
  await page.getByRole("button", { name: "Apply…" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Apply" }).click();
  await expect(page.getByText(/^Done in/)).toBeVisible();
  await open(page, "/ui/keyspaces/customer/vschema");
  await expect(page.getByRole("row").filter({ hasText: "edited" })).toContainText("id by xxhash");
});

test("a VSchema that somebody else changed meanwhile is not overwritten", async ({ page }) => {
  await edit(page, (v) => { v.tables["mine"] = TABLE; });
  await expect(page.getByRole("region", { name: "Difference" })).toContainText('"mine"');
  const other = await page.request.post("/api/operations", {
    headers: { "X-Vivace-Request": "1" },
    data: { name: "ApplyVSchema", request: { keyspace: "customer", sql: "alter vschema drop table customer.edited" } },
  });
  const { id } = (await other.json()) as { id: number };
  await expect.poll(async () => ((await (await page.request.get(`/api/operations/${id}`)).json()) as { state: string }).state).toBe("done");
  await page.getByRole("button", { name: "Apply…" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Apply" }).click();
  await expect(page.getByRole("alert")).toContainText("somebody else changed the VSchema meanwhile");
});

test("tables are listed and shown", async ({ page }) => {
  await open(page, "/ui/keyspaces/customer/schema");
  await page.getByLabel("Name has").fill("order");
  await expect(page.getByRole("row").filter({ hasText: "orders" })).toBeVisible();
  await page.getByRole("link", { name: "orders" }).click();
  await expect(page.getByRole("region", { name: "Definition of orders" })).toContainText("order_id");
});

async function ask(page: Page, sql: string, way = "", mayWrite = false): Promise<void> {
  await open(page, "/ui/sql");
  await page.getByLabel("Target").fill("customer");
  await page.getByLabel("Show").selectOption(way);
  await page.getByLabel("It may change data").setChecked(mayWrite);
  await page.getByLabel("Statement").fill(sql);
  await page.getByLabel("Statement").press("Control+Enter");
}

test("SQL: rows, NULL, what is wrong, and what may write", async ({ page }) => {
  await ask(page, "select customer_id, name, null as nothing from customer order by customer_id limit 3");
  const rows = page.getByRole("region", { name: "Rows" });
  await expect(rows.getByRole("row")).toHaveCount(4);
  await expect(rows.getByText("NULL")).toHaveCount(3);
  await page.screenshot({ path: "test-results/shots/sql-rows.png", fullPage: true });
  await ask(page, "select * from no_such_table");
  await expect(page.getByRole("alert")).toContainText("no_such_table");
  await ask(page, "update customer set name = name where customer_id = 1");
  await expect(page.getByRole("alert")).toContainText("may change data");
  await ask(page, "insert into customer (name) values ('Made by a test')", "", true);
  await expect(page.getByText(/^1 row changed/)).toBeVisible();
  await ask(page, "delete from customer where name = 'Made by a test'", "", true);
  await expect(page.getByText(/^1 row changed/)).toBeVisible();
});

test("SQL: a large result is cut, and says so", async ({ page }) => {
  await ask(page, "with recursive n as (select 1 as i union all select i + 1 from n where i < 100) select a.i, b.i from n a, n b");
  await expect(page.getByText(/the first 1,000 are shown/).or(page.getByRole("alert"))).toBeVisible();
  await expect(page.getByRole("alert")).toHaveCount(0);
});

test("VEXPLAIN is drawn as a tree with shards, rows and times", async ({ page }) => {
  const sql = "select c.name, o.order_id from customer c join orders o on o.customer_id = c.customer_id + 0 where c.name like 'a%'";
  await ask(page, sql, "trace");
  const plan = page.getByRole("region", { name: "Plan" });
  await expect(plan.getByText("Join", { exact: true })).toBeVisible();
  await expect(plan.getByRole("row").filter({ hasText: "customer/80-" }).first()).toContainText(/ms|µs/);
  await expectSound(page);
  await ask(page, sql, "plan");
  await expect(plan.getByText("Route", { exact: true }).first()).toBeVisible();
  await ask(page, "select * from customer where customer_id = 1", "all");
  await expect(plan.getByText(/mysqld does it/)).toBeVisible();
});

test("the topology is walked down to a decoded record", async ({ page }) => {
  await open(page, "/ui/topology");
  for (const name of ["global", "keyspaces", "customer", "shards", "-80", "Shard"]) {
    await page.getByRole("main").getByRole("link", { name, exact: true }).click();
    await expect(page.getByRole("heading", { level: 1 })).toHaveText(name);
  }
  await expect(page.getByRole("region", { name: "Record" })).toContainText("is_primary_serving");
});
