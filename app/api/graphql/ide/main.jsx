// The GraphiQL page: reads its configuration from the page, shows the example tabs, asks only its own origin.
import { explorerPlugin } from "@graphiql/plugin-explorer";
import { HISTORY_PLUGIN } from "@graphiql/plugin-history";
import { ToolbarButton, useGraphiQL } from "@graphiql/react";
import { GraphiQL } from "graphiql";
import { useEffect, useState } from "react";
import { createRoot } from "react-dom/client";
import { fetcherFor } from "./asking.js";
import { Look } from "./look.jsx";
import { ChartIcon, keyPanel, tourPanel } from "./panels.jsx";
import { asButtons, keepMended } from "./roles.js";

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

// GraphiQL opens the first tab with its query alone; variables are handed over on the first visit. Later visits find the
// visitor's own tabs, and to hand anything over then would open one more tab each time.
const [first] = config.tabs;
const newcomer = kept("tabState") === null;
const firstVisit = newcomer && first ? { initialVariables: first.variables ?? undefined } : {};

function Page() {
  const [looking, look] = useState(false);
  return (
    <>
      <GraphiQL
        fetcher={fetcher}
        defaultTabs={config.tabs.length > 0 ? config.tabs : undefined}
        {...firstVisit}
        plugins={plugins}
        visiblePlugin={newcomer && innerWidth > 900 ? plugins[0] : undefined}
        // What stands in the headers stays in this tab's memory unless the visitor has said that it may be kept.
        shouldPersistHeaders={kept("shouldPersistHeaders") === "true"}
        showPersistHeadersSettings
        inputValueDeprecation
        schemaDescription
      >
        <GraphiQL.Logo>
          <a href="/" className="logo">
            Usage gateway
          </a>
        </GraphiQL.Logo>
        <Wrapped />
        <GraphiQL.Toolbar>
          {({ prettify, copy, merge }) => (
            <>
              {prettify}
              {merge}
              {copy}
              <ToolbarButton label="Look at the answer as a chart and a table" onClick={() => look(true)}>
                <ChartIcon />
              </ToolbarButton>
            </>
          )}
        </GraphiQL.Toolbar>
      </GraphiQL>
      <Look open={looking} onClose={() => look(false)} />
    </>
  );
}

// What an example says at its top is longer than the editor is wide, where a panel is open beside it.
function Wrapped() {
  const editor = useGraphiQL((state) => state.queryEditor);
  useEffect(() => editor?.updateOptions({ wordWrap: "on" }), [editor]);
  return null;
}

// Made once: GraphiQL asks for the schema again whenever it meets another fetcher.
const fetcher = fetcherFor(config.endpoint, config.token);
const plugins = [tourPanel({ demo: config.token }), keyPanel({ demo: config.token }), HISTORY_PLUGIN, explorerPlugin()];

createRoot(document.getElementById("graphiql")).render(<Page />);
keepMended(document.body, asButtons);

// The editors run what stands in them on these keys; after the page has opened nothing has the focus, and the first tab names them.
addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target === document.body) {
    document.querySelector(".graphiql-execute-button")?.click();
  }
});
