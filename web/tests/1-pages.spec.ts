// Every page at two sizes and in both themes: it is there, sound, says no fault, and can be looked at in
// test-results/shots.
import { expect, test } from "@playwright/test";
import { PAGES, expectSound, open } from "./pages";
import { TABLET_STATUS, VTGATE_STATUS } from "./where";

const SIZES = [{ width: 1280, height: 800 }, { width: 390, height: 844 }];
const STATUS_PAGES = { "vtctld-status": "/debug/status", "vtgate-status": VTGATE_STATUS, "vttablet-status": TABLET_STATUS };

for (const colorScheme of ["light", "dark"] as const) {
  for (const viewport of SIZES) {
    test.describe(`${colorScheme}, ${viewport.width} wide`, () => {
      test.use({ colorScheme, viewport });
      for (const [name, path] of Object.entries({ ...PAGES, ...STATUS_PAGES })) {
        test(name, async ({ page }) => {
          const faults: string[] = [];
          page.on("console", (message) => { if (message.type() === "error") faults.push(message.text()); });
          page.on("pageerror", (e) => faults.push(String(e)));
          if (name in STATUS_PAGES) await page.goto(path);
          else await open(page, path);
          await expect(page.getByRole("alert")).toHaveCount(0);
          await expectSound(page);
          await page.screenshot({ path: `test-results/shots/${name}-${colorScheme}-${viewport.width}.png`, fullPage: true });
          expect(faults).toEqual([]);
        });
      }
    });
  }
}

test("the live picture shows every tablet and follows links", async ({ page }) => {
  await open(page, "/ui/");
  const customer = page.getByRole("region", { name: "Keyspace customer", exact: true });
  await expect(customer.getByText("2 of 2")).toHaveCount(2);
  await customer.getByRole("link", { name: "customer", exact: true }).click();
  await expect(page).toHaveURL(/keyspaces\/customer$/);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("customer");
  await page.goBack();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Cluster");
});

test("tablets are filtered", async ({ page }) => {
  await open(page, "/ui/tablets");
  await expect(page.getByText("6 tablets")).toBeVisible();
  await page.getByLabel("Role").selectOption("PRIMARY");
  await expect(page.getByText("3 tablets")).toBeVisible();
  await page.getByLabel("Keyspace").fill("commerce");
  await expect(page.getByText("1 tablet", { exact: true })).toBeVisible();
  await expect(page).toHaveURL(/role=PRIMARY/);
});

test("the theme that is chosen stays", async ({ page }) => {
  await open(page, "/ui/");
  await page.getByLabel("Theme").selectOption("dark");
  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const dark = await background();
  await page.reload();
  await expect(page.getByLabel("Theme")).toHaveValue("dark");
  expect(await background()).toBe(dark);
  await page.getByLabel("Theme").selectOption("light");
  expect(await background()).not.toBe(dark);
});

test("the keyboard reaches the content first, and everything else", async ({ page }) => {
  await open(page, "/ui/");
  await page.keyboard.press("Tab");
  await expect(page.getByText("Skip to the content")).toBeFocused();
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  await expect(page.getByRole("link", { name: "Validate" })).toBeFocused();
  const outline = await page.evaluate(() => getComputedStyle(document.activeElement ?? document.body).outlineStyle);
  expect(outline).toBe("solid");
});
