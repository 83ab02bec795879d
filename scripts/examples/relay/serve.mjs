// Serves the built app on this machine and passes its calls on to the gateway. The token stays here and never reaches a browser:
//   USAGE_URL=http://127.0.0.1:8000 USAGE_TOKEN=gwk_… npm start
import { readFile } from "node:fs/promises";
import { createServer, request } from "node:http";
import { request as secureRequest } from "node:https";

const { USAGE_URL, USAGE_TOKEN, PORT = "4000" } = process.env;
if (!USAGE_URL || !USAGE_TOKEN) {
  console.error("USAGE_URL and USAGE_TOKEN are needed; ./scripts/serve prints both");
  process.exit(1);
}
const files = { "/": ["index.html", "text/html; charset=utf-8"], "/main.js": ["main.js", "text/javascript; charset=utf-8"] };
const kept = ["accept", "content-type", "content-length", "range", "if-none-match", "if-range"];
const told = ["content-type", "content-length", "content-disposition", "content-encoding", "content-range", "accept-ranges", "etag", "retry-after"];
const text = { "content-type": "text/plain; charset=utf-8" };
const only = (headers, names) => Object.fromEntries(names.filter((name) => headers[name]).map((name) => [name, headers[name]]));

function pass(asked, answer) {
  const target = new URL(asked.url, USAGE_URL);
  const headers = { ...only(asked.headers, kept), authorization: `Bearer ${USAGE_TOKEN}` };
  const send = target.protocol === "https:" ? secureRequest : request;
  const passed = send(target, { method: asked.method, headers }, (received) => {
    answer.writeHead(received.statusCode, only(received.headers, told));
    received.pipe(answer);
  });
  passed.on("error", () => (answer.headersSent ? answer.destroy() : answer.writeHead(502, text).end("the gateway cannot be reached\n")));
  // A subscription whose page is gone is ended at the gateway too.
  answer.on("close", () => passed.destroy());
  asked.pipe(passed);
}

const server = createServer(async (asked, answer) => {
  const { port } = server.address();
  const own = [`127.0.0.1:${port}`, `localhost:${port}`].includes(asked.headers.host);
  // What speaks with the operator's token is for this page alone: no other site's, and under no other name.
  if (!own || !["same-origin", "none", undefined].includes(asked.headers["sec-fetch-site"])) {
    answer.writeHead(403, text).end("for this page alone\n");
  } else if (asked.url === "/graphql" || asked.url.startsWith("/downloads/")) {
    pass(asked, answer);
  } else if (asked.url in files) {
    const [name, type] = files[asked.url];
    const content = await readFile(new URL(`dist/${name}`, import.meta.url)).catch(() => null);
    answer.writeHead(content ? 200 : 503, content ? { "content-type": type } : text).end(content ?? "npm run build makes the app\n");
  } else {
    answer.writeHead(404).end();
  }
});
server.listen(Number(PORT), "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}`));
