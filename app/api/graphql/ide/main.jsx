// The GraphiQL page: reads its configuration from the page, shows the example tabs, asks only its own origin.
import { explorerPlugin } from "@graphiql/plugin-explorer";
import { HISTORY_PLUGIN } from "@graphiql/plugin-history";
import { createGraphiQLFetcher } from "@graphiql/toolkit";
import { GraphiQL } from "graphiql";
import { createRoot } from "react-dom/client";

import "graphiql/style.css";
import "@graphiql/plugin-explorer/style.css";
import "./page.css";

// Monaco asks for its workers by label; what has no worker of its own is the plain editor's business.
globalThis.MonacoEnvironment = {
  getWorker: (_id, label) =>
    new Worker(new URL(`./${WORKER_FILES[label] ?? WORKER_FILES.editor}`, import.meta.url), { name: label }),
};

const config = JSON.parse(document.getElementById("graphiql-config").textContent);

// Browsers that keep nothing for a site throw on the first touch.
function kept(key) {
  try {
    return localStorage.getItem(`graphiql:${key}`);
  } catch {
    return null;
  }
}

// GraphiQL opens the first tab with its query alone; variables and headers are handed over on the first visit. Later
// visits find the visitor's own tabs, and to hand anything over then would open one more tab each time.
const tabs = config.tabs.map((tab) => ({ ...tab, headers: tab.headers ?? config.headers ?? undefined }));
const [first] = tabs;
const firstVisit = kept("tabState") === null && first
  ? { initialVariables: first.variables ?? undefined, initialHeaders: first.headers ?? undefined }
  : {};

function Page() {
  return (
    <GraphiQL
      fetcher={fetcher}
      defaultTabs={tabs.length > 0 ? tabs : undefined}
      defaultHeaders={config.headers ?? undefined}
      {...firstVisit}
      plugins={plugins}
      // A key stays in this tab's memory unless the visitor has said in the settings that it may be kept.
      shouldPersistHeaders={kept("shouldPersistHeaders") === "true"}
      showPersistHeadersSettings
      inputValueDeprecation
      schemaDescription
    />
  );
}

// Made once: GraphiQL asks for the schema again whenever it meets another fetcher. What the page was given is sent with
// every request, also where a tab has lost its headers over a reload; what stands in the headers editor goes first.
const fetcher = createGraphiQLFetcher({
  url: config.endpoint,
  headers: config.headers ? JSON.parse(config.headers) : undefined,
});
const plugins = [HISTORY_PLUGIN, explorerPlugin()];

createRoot(document.getElementById("graphiql")).render(<Page />);
