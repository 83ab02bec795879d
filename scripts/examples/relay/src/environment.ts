// How Relay speaks with the gateway: queries and mutations by fetch, subscriptions as server-sent events.
import { createClient } from "graphql-sse";
import {
  Environment,
  Network,
  Observable,
  RecordSource,
  Store,
  type FetchFunction,
  type GraphQLResponse,
  type RequestParameters,
  type SubscribeFunction,
} from "relay-runtime";

// The page's own server passes calls on and adds the token.
const address = new URL("/graphql", location.href).href;
const events = createClient({ url: address });

function textOf(operation: RequestParameters): string {
  if (operation.text === null) throw new Error(`${operation.name} was compiled without its text`);
  return operation.text;
}

const fetchOnce: FetchFunction = async (operation, variables): Promise<GraphQLResponse> => {
  const response = await fetch(address, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/graphql-response+json" },
    body: JSON.stringify({ query: textOf(operation), variables }),
  });
  // The gateway tells its errors as JSON; anything else comes from between here and there.
  if (!/json/.test(response.headers.get("content-type") ?? "")) throw new Error(`${response.status}: ${await response.text()}`);
  return (await response.json()) as GraphQLResponse;
};

const subscribe: SubscribeFunction = (operation, variables) =>
  Observable.create<GraphQLResponse>((sink) =>
    events.subscribe(
      { query: textOf(operation), variables },
      {
        next: (answer) => sink.next(answer as GraphQLResponse),
        error: (error) => sink.error(error instanceof Error ? error : new Error(String(error))),
        complete: () => sink.complete(),
      },
    ),
  );

export const environment = new Environment({
  network: Network.create(fetchOnce, subscribe),
  store: new Store(new RecordSource()),
});
