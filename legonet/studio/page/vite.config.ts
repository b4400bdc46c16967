import { defineConfig } from "vite";

// What is built is committed, so that nobody needs Node: names without hashes make small diffs.
export default defineConfig({
  base: "./",
  resolve: {
    alias: {
      "react/jsx-runtime": "preact/jsx-runtime",
      "react-dom": "preact/compat",
      react: "preact/compat",
    },
  },
  build: {
    outDir: "../static",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    license: { fileName: "assets/licenses.md" },
    rollupOptions: {
      output: { entryFileNames: "assets/studio.js", assetFileNames: "assets/[name][extname]" },
      onLog: (level, log, show) => (log.code === "MODULE_LEVEL_DIRECTIVE" ? undefined : show(level, log)),
    },
  },
});
