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
    return noted(asked, parameters.operationName ?? null);
  };
}

// Answers come at once, or one after the other from a subscription; each is noted on its way.
async function noted(asked, operation) {
  const result = await asked;
  if (typeof result?.subscribe === "function") {
    return {
      subscribe: (observer) =>
        result.subscribe({
          ...observer,
          next(value) {
            note(value, operation);
            observer.next(value);
          },
        }),
    };
  }
  if (typeof result?.[Symbol.asyncIterator] === "function") return each(result, operation);
  note(result, operation);
  return result;
}

async function* each(results, operation) {
  for await (const result of results) {
    note(result, operation);
    yield result;
  }
}

function note(result, operation) {
  if (result && typeof result === "object" && result.data) answer.set({ operation, data: result.data });
}
