// The activity feed: page after page as one scrolls.
import { useCallback } from "react";
import { graphql, usePaginationFragment } from "react-relay";
import type { FeedPageQuery } from "./__generated__/FeedPageQuery.graphql";
import type { Feed_query$key } from "./__generated__/Feed_query.graphql";
import { Scroll } from "./Scroll";

export function Feed({ query }: { query: Feed_query$key }) {
  const { data, loadNext, hasNext, isLoadingNext } = usePaginationFragment<FeedPageQuery, Feed_query$key>(
    graphql`
      fragment Feed_query on Query
      @argumentDefinitions(first: { type: "Int", defaultValue: 50 }, after: { type: "String" })
      @refetchable(queryName: "FeedPageQuery") {
        activities(first: $first, after: $after) @connection(key: "Feed_activities") {
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
        }
      }
    `,
    query,
  );
  const more = useCallback(() => void loadNext(50), [loadNext]);
  const rows = data.activities.edges.map((edge) => edge.node);
  return (
    <section>
      <h2>Activities</h2>
      <p id="feed-count">{rows.length} shown</p>
      <Scroll label="Activities" hasNext={hasNext} isLoading={isLoadingNext} onEnd={more}>
        <table>
          <thead>
            <tr>
              <th>Entry</th>
              <th>Happened</th>
              <th>What</th>
              <th>Customer</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.id}>
                <td>{row.sequence}</td>
                <td>{row.occurredAt}</td>
                <td>{row.action}</td>
                <td>{row.customer?.name}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </section>
  );
}
