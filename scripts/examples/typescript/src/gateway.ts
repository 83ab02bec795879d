// How this client speaks with the gateway: queries and mutations by fetch, subscriptions as server-sent events.
import { createClient } from "graphql-sse";
import type { TypedDocumentString } from "./generated/graphql.js";

/** What the gateway could not answer, with the stable code that programs go by. */
export class Refused extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(`${code}: ${message}`);
  }
}

type GraphQLErrors = readonly { readonly message: string; readonly extensions?: Readonly<Record<string, unknown>> | undefined }[];

function dataOf<Result>(answer: { data?: Result | null | undefined; errors?: GraphQLErrors | undefined }): Result {
  const first = answer.errors?.[0];
  if (first) throw new Refused(String(first.extensions?.["code"] ?? "UNKNOWN"), first.message);
  if (!answer.data) throw new Refused("UNKNOWN", "the answer has no data");
  return answer.data;
}

export class Gateway {
  readonly #headers: Record<string, string>;

  constructor(
    readonly url: string,
    token: string,
  ) {
    this.#headers = { authorization: `Bearer ${token}` };
  }

  /** The answer to a query or a mutation. */
  async ask<Result, Variables>(document: TypedDocumentString<Result, Variables>, variables: Variables): Promise<Result> {
    const response = await this.#send("/graphql", {
      method: "POST",
      headers: { ...this.#headers, "content-type": "application/json", accept: "application/graphql-response+json" },
      body: JSON.stringify({ query: document.toString(), variables }),
    });
    return dataOf<Result>(await response.json());
  }

  /** Every answer of a subscription, as it comes, until the gateway has no more. */
  async *follow<Result, Variables extends Record<string, unknown>>(
    document: TypedDocumentString<Result, Variables>,
    variables: Variables,
  ): AsyncGenerator<Result> {
    const client = createClient({ url: new URL("/graphql", this.url).href, headers: this.#headers });
    try {
      for await (const answer of client.iterate<Result>({ query: document.toString(), variables })) {
        yield dataOf(answer);
      }
    } finally {
      client.dispose();
    }
  }

  /** The bytes behind a URL that the gateway named. */
  async download(address: string): Promise<Uint8Array> {
    const response = await this.#send(address, { headers: this.#headers });
    if (!response.ok) throw new Refused(`HTTP ${response.status}`, `${address} cannot be downloaded`);
    return new Uint8Array(await response.arrayBuffer());
  }
  async #send(address: string, request: RequestInit): Promise<Response> {
    try {
      return await fetch(new URL(address, this.url), request);
    } catch {
      throw new Refused("UNREACHABLE", `${this.url} does not answer`);
    }
  }
}
