// Usage by product, the most used first; each product opens into its rows.
import { Suspense, useState } from "react";
import { graphql, useFragment } from "react-relay";
import type { Summary_query$key } from "./__generated__/Summary_query.graphql";
import { Rows } from "./Rows";

export function Summary({ query }: { query: Summary_query$key }) {
  const { usageSummary } = useFragment(
    graphql`
      fragment Summary_query on Query {
        usageSummary(groupBy: [{ dimension: PRODUCT }], orderBy: { measure: EVENTS, direction: DESCENDING }) {
          asOf
          total {
            events
          }
          groups(first: 50) {
            edges {
              node {
                productId
                product {
                  name
                }
                events
              }
            }
          }
        }
      }
    `,
    query,
  );
  const [opened, open] = useState<string | null>(null);
  return (
    <section>
      <h2>Summary</h2>
      <p>
        {usageSummary.total.events} events, as of entry {usageSummary.asOf}
      </p>
      <ul>
        {usageSummary.groups.edges.map(({ node }) => (
          <li key={node.productId ?? ""}>
            {node.product?.name ?? node.productId ?? "(no product)"}: {node.events} events{" "}
            {node.productId !== null && <button onClick={() => open(node.productId)}>Rows of {node.productId}</button>}
          </li>
        ))}
      </ul>
      {opened !== null && (
        <Suspense fallback={<p>Loading…</p>}>
          <Rows key={opened} productId={opened} sequence={usageSummary.asOf} />
        </Suspense>
      )}
    </section>
  );
}
