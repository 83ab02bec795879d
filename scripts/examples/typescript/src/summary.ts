// The usage summary by product, and the rows of the ledger behind one of its numbers.
import { graphql } from "./generated/index.js";
import type { OpenedGroupQuery, SummaryQuery } from "./generated/graphql.js";
import type { Gateway } from "./gateway.js";

const Summary = graphql(`
  query Summary($filters: UsageFilters, $first: Int!) {
    usageSummary(filters: $filters, groupBy: [{ dimension: PRODUCT }], orderBy: { measure: EVENTS, direction: DESCENDING }) {
      asOf
      total {
        events
      }
      groups(first: $first) {
        edges {
          node {
            productId
            product {
              name
            }
            events
            charges {
              currency
              charge
            }
          }
        }
      }
    }
  }
`);

const OpenedGroup = graphql(`
  query OpenedGroup($filters: UsageFilters, $asOf: AsOfInput!, $first: Int!, $after: String) {
    usageSummary(filters: $filters, groupBy: [{ dimension: PRODUCT }], asOf: $asOf) {
      groups(first: 1) {
        edges {
          node {
            entries(first: $first, after: $after) {
              edges {
                node {
                  sequence
                  occurredAt
                  quantity
                  unit
                  charge
                  currency
                  correction
                }
              }
              pageInfo {
                hasNextPage
                endCursor
              }
            }
          }
        }
      }
    }
  }
`);

export type Totals = SummaryQuery["usageSummary"];
type Opened = NonNullable<OpenedGroupQuery["usageSummary"]["groups"]["edges"][number]["node"]["entries"]>;
export type Row = Opened["edges"][number]["node"];

/** A customer's usage by product, the most used first. */
export async function summary(gateway: Gateway, customerId: string): Promise<Totals> {
  return (await gateway.ask(Summary, { filters: { customerId: [customerId] }, first: 50 })).usageSummary;
}

/** Every row behind a product's numbers, as of the same point in the ledger: they add up, whatever was recorded since. */
export async function* rowsBehind(
  gateway: Gateway,
  filters: { customerId: string[]; productId: string[] },
  sequence: number,
): AsyncGenerator<Row> {
  let after: string | null = null;
  do {
    const answer: OpenedGroupQuery = await gateway.ask(OpenedGroup, { filters, asOf: { sequence }, first: 200, after });
    const entries = answer.usageSummary.groups.edges[0]?.node.entries;
    if (!entries) return;
    yield* entries.edges.map((edge) => edge.node);
    after = entries.pageInfo.hasNextPage ? entries.pageInfo.endCursor : null;
  } while (after !== null);
}
