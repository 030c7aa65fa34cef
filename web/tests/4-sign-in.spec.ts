// Users, roles, and what a viewer may not do: a vtctld of its own on the same topology.
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test, type Page } from "@playwright/test";
import { expectSound, open } from "./pages";
import { ETCD, OTHER_PORT, PROGRAMS } from "./where";

const PASSWORD = "a planted password";
const SITE = `http://127.0.0.1:${OTHER_PORT}`;
const VTCTLD = join(PROGRAMS, "vtctld");
let server: ChildProcess | undefined;
let folder = "";
let log = "";

function line(name: string, role: string): string {
  const made = spawnSync(VTCTLD, ["hash-password", name, role], { input: `${PASSWORD}\n`, encoding: "utf8" });
  if (made.status !== 0) throw new Error(made.stderr);
  return made.stdout;
}

function startVtctld(...flags: string[]): ChildProcess {
  const topology = [`--topo-global-server-address=${ETCD}`, "--topo-global-root=/vitess/global"];
  const started = spawn(VTCTLD, [...topology, `--port=${OTHER_PORT}`, ...flags]);
  const keep = (data: Buffer) => { log += data.toString(); };
  started.stdout.on("data", keep);
  started.stderr.on("data", keep);
  return started;
}

async function stopped(process: ChildProcess | undefined): Promise<void> {
  if (process === undefined || process.exitCode !== null) return;
  const ended = new Promise((tell) => process.once("exit", tell));
  process.kill();
  await ended;
}

test.describe.configure({ mode: "serial" });
test.use({ baseURL: SITE });

test.beforeAll(async ({ request }) => {
  folder = mkdtempSync(join(tmpdir(), "vivace-web-"));
  writeFileSync(join(folder, "users"), `# people\n${line("ada", "operator")}${line("vic", "viewer")}`);
  server = startVtctld(`--web-users-file=${join(folder, "users")}`);
  await expect.poll(async () => request.get(`${SITE}/healthz`).then((r) => r.status(), () => 0)).toBe(200);
});

test.afterAll(async () => {
  await stopped(server);
  rmSync(folder, { recursive: true });
});

async function signIn(page: Page, name: string, password = PASSWORD): Promise<void> {
  await page.goto("/ui/");
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
}

test("nobody gets in without signing in", async ({ page, request }) => {
  expect((await request.get("/api/live/tablets")).status()).toBe(401);
  expect((await request.get("/api/keyspaces/")).status()).toBe(401);
  await signIn(page, "ada", "not the password");
  await expect(page.getByRole("alert")).toHaveText("the name or the password is wrong");
  await expectSound(page);
  await page.screenshot({ path: "test-results/shots/sign-in.png" });
});

test("an operator begins operations, and is in the history", async ({ page }) => {
  await signIn(page, "ada");
  await expect(page.getByText("ada · operator")).toBeVisible();
  await open(page, "/ui/operations/new/RebuildKeyspaceGraph?keyspace=commerce");
  await page.getByRole("button", { name: "Run…" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Run" }).click();
  await expect(page.getByText(/^Done in/)).toBeVisible();
  await open(page, "/ui/keyspaces/commerce/history");
  await expect(page.getByRole("row").filter({ hasText: "RebuildKeyspaceGraph" }).first()).toContainText("ada");
  await page.getByRole("button", { name: "Sign out" }).click();
  await expect(page.getByRole("heading", { name: "Sign in to Vivace" })).toBeVisible();
});

test("a viewer looks at everything and changes nothing", async ({ page }) => {
  await signIn(page, "vic");
  await expect(page.getByText("vic · viewer")).toBeVisible();
  await open(page, "/ui/operations/new/PlannedReparentShard?keyspace=customer&shard=-80");
  await expect(page.getByRole("button", { name: "Dry run" })).toBeDisabled();
  await expect(page.getByRole("button", { name: "Run…" })).toBeDisabled();
  await open(page, "/ui/keyspaces/customer/vschema");
  await expect(page.getByRole("button", { name: "Edit" })).toHaveCount(0);
  await open(page, "/ui/sql");
  await expect(page.getByText("The SQL console is for operators.")).toBeVisible();
  // Whatever the pages show: vtctld itself refuses.
  const status = await page.evaluate(async () => {
    const body = JSON.stringify({ name: "DeleteKeyspace", request: { keyspace: "commerce", recursive: true } });
    return (await fetch("/api/operations", { method: "POST", headers: { "X-Vivace-Request": "1" }, body })).status;
  });
  expect(status).toBe(403);
});

test("no script, of whatever page, can read the session", async ({ page }) => {
  await signIn(page, "ada");
  await expect(page.getByText("ada · operator")).toBeVisible();
  expect(await page.evaluate(() => document.cookie)).toBe("");
  const cookie = (await page.context().cookies())[0];
  expect([cookie?.httpOnly, cookie?.sameSite]).toEqual([true, "Strict"]);
});

test("passwords and their hashes are in no log", () => {
  expect(log).toContain("signed in");
  expect(log).not.toContain(PASSWORD);
  expect(log).not.toContain("argon2");
});

test("without users, beyond loopback, one may only look", async ({ page, request }) => {
  await stopped(server);
  server = startVtctld("--bind-address=0.0.0.0");
  await expect.poll(async () => request.get(`${SITE}/healthz`).then((r) => r.status(), () => 0)).toBe(200);
  await open(page, "/ui/");
  await expect(page.getByText(/has no --web-users-file: anybody may look, nobody may change anything/)).toBeVisible();
  await open(page, "/ui/operations/new/Validate");
  await expect(page.getByRole("button", { name: "Run…" })).toBeDisabled();
  const refused = await request.post("/api/operations", { headers: { "X-Vivace-Request": "1" }, data: { name: "Validate", request: {} } });
  expect(refused.status()).toBe(403);
});
