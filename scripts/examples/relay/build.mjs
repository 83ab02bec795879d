// Bundles the app into dist/: Relay's plugin puts what relay-compiler made in the place of each graphql`…`, esbuild does the rest.
import { transformAsync } from "@babel/core";
import { build } from "esbuild";
import { copyFile, mkdir, readFile } from "node:fs/promises";

const relay = {
  name: "relay",
  setup({ onLoad }) {
    onLoad({ filter: /\/src\/[^/]+\.tsx$/ }, async ({ path }) => {
      const plugins = [
        ["@babel/plugin-syntax-typescript", { isTSX: true }],
        ["relay", { eagerEsModules: true }],
      ];
      const options = { filename: path, plugins, babelrc: false, configFile: false, sourceMaps: "inline" };
      const { code } = await transformAsync(await readFile(path, "utf8"), options);
      return { contents: code, loader: "tsx" };
    });
  },
};

await mkdir("dist", { recursive: true });
await copyFile("index.html", "dist/index.html");
await build({
  entryPoints: ["src/main.tsx"],
  outdir: "dist",
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  jsx: "automatic",
  define: { "process.env.NODE_ENV": '"production"' },
  plugins: [relay],
  logLevel: "warning",
});
