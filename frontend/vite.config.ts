/// <reference types="vitest/config" />
import { readFileSync } from "node:fs";
import { defineConfig, type Plugin } from "vite";

/** `npm run dev`: the page on the fixtures, without a server of ours. */
function fixtures(): Plugin {
  return {
    name: "fixtures",
    configureServer(server) {
      server.middlewares.use((request, response, next) => {
        const route = /^\/(runs|report|layers|compare|cause)(\?|$)/.exec(request.url ?? "")?.[1];
        if (!route) return next();
        response.setHeader("Content-Type", "application/json");
        response.end(readFileSync(new URL(`./fixtures/${route}.json`, import.meta.url)));
      });
    },
  };
}

/** One ES module and one stylesheet, the same bytes from the same sources; `--outDir` lets the freshness test build elsewhere. */
export default defineConfig({
  plugins: [fixtures()],
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    outDir: "../tb_lossdiag/static",
    emptyOutDir: true,
    target: "es2022",
    sourcemap: false,
    cssCodeSplit: false,
    modulePreload: false,
    reportCompressedSize: true,
    rolldownOptions: {
      input: "src/index.tsx",
      preserveEntrySignatures: "strict",
      output: { entryFileNames: "index.js", assetFileNames: "index.[ext]", codeSplitting: false },
    },
  },
  test: {
    environment: "happy-dom",
    include: ["test/**/*.test.tsx", "test/**/*.test.ts"],
    setupFiles: ["test/setup.ts"],
  },
});
