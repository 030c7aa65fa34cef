// Tests in Debian's Chromium, on a cluster of their own (tests/cluster.ts). `make test-web` runs them.
import { defineConfig } from "@playwright/test";
import { BASE_URL } from "./tests/where";

export default defineConfig({
  testDir: "tests",
  outputDir: "test-results/run",
  globalSetup: "./tests/cluster.ts",
  // One cluster, whose primaries move while it is tested.
  workers: 1,
  fullyParallel: false,
  retries: 0,
  timeout: 60_000,
  expect: { timeout: 15_000 },
  reporter: [["list"]],
  use: {
    baseURL: BASE_URL,
    viewport: { width: 1280, height: 800 },
    launchOptions: {
      executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
      // Chromium's own sandbox does not work for root, as which containers run.
      args: process.getuid?.() === 0 ? ["--no-sandbox"] : [],
    },
  },
});
