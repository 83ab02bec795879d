// Two panels beside the editors: the key that requests are sent with, and a short tour.
import { useGraphiQL, useGraphiQLActions } from "@graphiql/react";
import { useState, useSyncExternalStore } from "react";
import { key } from "./asking.js";

export function keyPanel({ demo, scopes }) {
  return {
    title: "Key",
    icon: KeyIcon,
    content: () => <Key demo={demo} scopes={scopes} />,
  };
}

export function tourPanel({ demo }) {
  return { title: "Tour", icon: TourIcon, content: () => <Tour demo={demo} /> };
}

function Key({ demo }) {
  const token = useSyncExternalStore(key.subscribe, key.get);
  const [typed, type] = useState("");
  const use = (event) => {
    event.preventDefault();
    key.set(typed.trim());
    type("");
  };
  return (
    <section className="panel">
      <h2>Key</h2>
      <p role="status">
        {token === ""
          ? "No key is in place: every question is answered with UNAUTHORIZED."
          : token === demo
            ? "The demo account's key is in place. It may do everything, in the demo alone."
            : `A key of your own is in place: ${token.slice(0, 12)}…`}
      </p>
      <form onSubmit={use}>
        <label htmlFor="key">A key, as `gateway key create` prints it</label>
        <input id="key" type="password" autoComplete="off" spellCheck={false} value={typed} onChange={(event) => type(event.target.value)} />
        <div className="panel-buttons">
          <button type="submit" disabled={typed.trim() === ""}>
            Use this key
          </button>
          {demo && token !== demo && (
            <button type="button" onClick={() => key.set(demo)}>
              Use the demo's key
            </button>
          )}
          {token !== "" && (
            <button type="button" onClick={() => key.set("")}>
              Forget it
            </button>
          )}
        </div>
      </form>
      <p>It is sent with every request and every subscription, and kept in this tab's memory alone. A tab whose headers name an Authorization of their own uses that one.</p>
    </section>
  );
}

// The name of an example, which opens its tab as long as there is one.
function Tab({ name }) {
  const at = useGraphiQL((state) => state.tabs.findIndex((each) => each.title === name));
  const { changeTab } = useGraphiQLActions();
  if (at < 0) return <em>{name}</em>;
  return (
    <button type="button" className="panel-tab" onClick={() => changeTab(at)}>
      {name}
    </button>
  );
}

function Tour({ demo }) {
  return (
    <section className="panel">
      <h2>Tour</h2>
      <p>
        This is the gateway's GraphQL API. {demo ? "The demo account has months of usage, and its key is in place." : "Put a key into the key panel first."}
      </p>
      <ol>
        <li>
          <strong>Run.</strong> The tabs above are examples, each of one thing that can be asked or recorded. Open one and press the round
          button, or Ctrl-Enter (Cmd-Enter on a Mac).
        </li>
        <li>
          <strong>Look.</strong> After a summary has run, press the chart button beside the editor: the answer as a chart and a table.
        </li>
        <li>
          <strong>Change.</strong> Ctrl-Space completes names. The book on the left is the documentation of every type, the folder builds
          an operation by ticking fields, the clock is your history.
        </li>
        <li>
          <strong>Follow.</strong> Run <Tab name="FollowActivities" />; then run <Tab name="RecordUsageEvent" /> in another tab, and come back: the event is there.
        </li>
        <li>
          <strong>Prove.</strong> <Tab name="CreateExport" /> freezes a report with a digest; <Tab name="Drift" /> tells what has changed since, <Tab name="Proofs" /> shows
          that an entry is in the ledger.
        </li>
      </ol>
      <p>
        More: <a href="/">what this is</a>, <a href="/reference">the REST reference</a>, <a href="/schema.graphql">the schema as a file</a>,{" "}
        <a href="/readme">the README</a>.
      </p>
    </section>
  );
}

function KeyIcon() {
  return (
    <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.6" aria-hidden="true">
      <circle cx="8" cy="15" r="4" />
      <path d="M11 12 20 3m-4 4 3 3m-6 0 2 2" strokeLinecap="round" />
    </svg>
  );
}

function TourIcon() {
  return (
    <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.6" aria-hidden="true">
      <circle cx="12" cy="12" r="9" />
      <path d="m15.5 8.5-2 5-5 2 2-5z" strokeLinejoin="round" />
    </svg>
  );
}

export function ChartIcon() {
  return (
    <svg viewBox="0 0 24 24" width="18" height="18" fill="none" stroke="currentColor" strokeWidth="1.8" aria-hidden="true">
      <path d="M4 20V4m0 16h16M8 16v-4m4 4V8m4 8v-6" strokeLinecap="round" />
    </svg>
  );
}
