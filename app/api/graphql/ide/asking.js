// How the page asks: over HTTP, and over a WebSocket for subscriptions, with the key that stands in the key box. What was
// answered last is kept here, so that it can be looked at as a table and a chart.
import { createGraphiQLFetcher } from "@graphiql/toolkit";
import { createClient } from "graphql-ws";

function kept(initial) {
  let value = initial;
  const listeners = new Set();
  return {
    get: () => value,
    set(next) {
      value = next;
      for (const each of listeners) each();
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

// The key is in this tab's memory alone: it goes when the tab does.
export const key = kept("");
export const answer = kept(null);

export function fetcherFor(endpoint, token) {
  key.set(token ?? "");
  const authorization = () => (key.get() ? { Authorization: `Bearer ${key.get()}` } : {});
  const socket = createClient({
    url: new URL(endpoint, location.href).href.replace(/^http/, "ws"),
    connectionParams: authorization,
    lazy: true,
    retryAttempts: 3,
  });
  // A connection was let in with the key of its time.
  key.subscribe(() => socket.terminate());
  const ask = createGraphiQLFetcher({
    url: endpoint,
    wsClient: socket,
    // What stands in a tab's own headers goes first: the toolkit puts them over these.
    fetch: (input, init) => fetch(input, { ...init, headers: { ...authorization(), ...init.headers } }),
  });
  return (parameters, options) => {
    const asked = ask(parameters, options);
    if (parameters.operationName === "IntrospectionQuery") return asked;
    return noted(asked, { operation: parameters.operationName ?? null, zone: zoneOf(parameters) });
  };
}

// Answers come at once, or one after the other from a subscription; each is noted on its way.
async function noted(asked, about) {
  const result = await asked;
  if (typeof result?.subscribe === "function") {
    return {
      subscribe: (observer) =>
        result.subscribe({
          ...observer,
          next(value) {
            note(value, about);
            observer.next(value);
          },
        }),
    };
  }
  if (typeof result?.[Symbol.asyncIterator] === "function") return each(result, about);
  note(result, about);
  return result;
}

async function* each(results, about) {
  for await (const result of results) {
    note(result, about);
    yield result;
  }
}

function note(result, about) {
  if (result && typeof result === "object" && result.data) answer.set({ ...about, data: result.data });
}

// The time zone that the operation names, in whose days its buckets are; UTC where it names none.
function zoneOf({ query = "", variables, operationName }) {
  const own = operationName ? query.slice(Math.max(0, query.search(new RegExp(`\\b${operationName}\\b`)))) : query;
  const said = /\btimeZone:\s*(?:"([^"]+)"|\$(\w+))/.exec(own);
  return said?.[1] ?? variables?.[said?.[2]] ?? "UTC";
}
