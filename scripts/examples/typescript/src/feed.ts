// The activity feed as an infinite scroll has it: page after page, each begun when the reader comes to its end.
import { graphql } from "./generated/index.js";
import type { FeedPageQuery } from "./generated/graphql.js";
import type { Gateway } from "./gateway.js";

const FeedPage = graphql(`
  query FeedPage($filters: UsageFilters, $first: Int!, $after: String) {
    activities(filters: $filters, first: $first, after: $after) {
      edges {
        node {
          id
          sequence
          action
          occurredAt
          customer {
            name
          }
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`);

export type Activity = FeedPageQuery["activities"]["edges"][number]["node"];

/** The pages of the feed, newest first. Nothing is asked for that is not read; what is recorded meanwhile moves nothing. */
export async function* feed(gateway: Gateway, customerId: string, first: number): AsyncGenerator<Activity[]> {
  let after: string | null = null;
  do {
    const { activities }: FeedPageQuery = await gateway.ask(FeedPage, { filters: { customerId: [customerId] }, first, after });
    yield activities.edges.map((edge) => edge.node);
    after = activities.pageInfo.hasNextPage ? activities.pageInfo.endCursor : null;
  } while (after !== null);
}
