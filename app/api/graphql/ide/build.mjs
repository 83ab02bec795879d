// Bundles the GraphiQL page and the REST reference into static/: every file but the manifest is named after its content, so that browsers may
// keep it for ever. The bundle refers to itself by relative addresses only.
import { build } from "esbuild";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { basename } from "node:path";

const out = "static";
const common = {
  bundle: true,
  minify: true,
  outdir: out,
  metafile: true,
  target: ["es2022"],
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  assetNames: "[name]-[hash]",
  loader: { ".ttf": "file", ".svg": "file", ".woff": "file", ".woff2": "file" },
  define: { "process.env.NODE_ENV": '"production"' },
  legalComments: "linked",
  logLevel: "warning",
};

await rm(out, { recursive: true, force: true });
await mkdir(out);

// Each worker is whole in itself, so that it is one request and needs no import inside a worker.
const workers = await build({
  ...common,
  format: "iife",
  entryPoints: {
    "worker-editor": "monaco-editor/esm/vs/editor/editor.worker.js",
    "worker-graphql": "monaco-graphql/esm/graphql.worker.js",
    "worker-json": "monaco-editor/esm/vs/language/json/json.worker.js",
  },
});

const workerFiles = {};
for (const file of Object.keys(workers.metafile.outputs)) {
  const label = basename(file).match(/^worker-(\w+)-\w+\.js$/)?.[1];
  if (label) workerFiles[label] = basename(file);
}

const page = await build({
  ...common,
  format: "esm",
  splitting: true,
  entryPoints: { main: "main.jsx", reference: "reference.js" },
  jsx: "automatic",
  // GraphiQL asks for these two by names that lead to scripts without named exports, and then cannot prettify.
  alias: { "prettier/parser-babel": "prettier/plugins/babel", "prettier/parser-graphql": "prettier/plugins/graphql" },
  define: { ...common.define, WORKER_FILES: JSON.stringify(workerFiles) },
});

// For each page its script and its style.
const manifest = {};
for (const [file, { entryPoint, cssBundle }] of Object.entries(page.metafile.outputs)) {
  const name = { "main.jsx": "graphiql", "reference.js": "reference" }[entryPoint];
  if (name) manifest[name] = { script: basename(file), style: basename(cssBundle) };
}
await writeFile(`${out}/manifest.json`, `${JSON.stringify(manifest)}\n`);
