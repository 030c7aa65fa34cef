// Builds the pages into dist/, which vtctld's build embeds. `npm run dev` serves them with a vtctld behind.
import { defineConfig } from "vite";

export default defineConfig({
  base: "/ui/",
  build: {
    // No file is inlined into another: the pages' Content-Security-Policy has neither data: scripts nor inline ones.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: "es2022",
  },
  esbuild: { jsx: "automatic", jsxImportSource: "preact" },
  server: {
    proxy: {
      // VTCTLD: where a running vtctld listens, for work on the pages. It compares Origin with Host: the latter stays.
      "/api": { target: process.env["VTCTLD"] ?? "http://127.0.0.1:15000", changeOrigin: false },
    },
  },
});
