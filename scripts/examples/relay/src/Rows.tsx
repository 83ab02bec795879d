// The rows of the ledger behind a product's numbers, as of the same point: they add up, whatever was recorded since.
import { useCallback } from "react";
import { graphql, useLazyLoadQuery, usePaginationFragment } from "react-relay";
import type { RowsPageQuery } from "./__generated__/RowsPageQuery.graphql";
import type { RowsQuery } from "./__generated__/RowsQuery.graphql";
import type { Rows_query$key } from "./__generated__/Rows_query.graphql";
import { Scroll } from "./Scroll";

interface Props {
  productId: string;
  sequence: number;
}

export function Rows({ productId, sequence }: Props) {
  const query = useLazyLoadQuery<RowsQuery>(
    graphql`
      query RowsQuery($productId: ID!, $sequence: SafeInt!) {
        ...Rows_query @arguments(productId: $productId, sequence: $sequence)
      }
    `,
    { productId, sequence },
  );
  const { data, loadNext, hasNext, isLoadingNext } = usePaginationFragment<RowsPageQuery, Rows_query$key>(
    graphql`
      fragment Rows_query on Query
      @argumentDefinitions(
        productId: { type: "ID!" }
        sequence: { type: "SafeInt!" }
        first: { type: "Int", defaultValue: 200 }
        after: { type: "String" }
      )
      @refetchable(queryName: "RowsPageQuery") {
        usageLedger(filters: { productId: [$productId] }, asOf: { sequence: $sequence }, first: $first, after: $after)
          @connection(key: "Rows_usageLedger", filters: ["filters", "asOf"]) {
          edges {
            node {
              id
              occurredAt
              quantity
              unit
              charge
              currency
              correction
            }
          }
        }
      }
    `,
    query,
  );
  const more = useCallback(() => void loadNext(200), [loadNext]);
  const rows = data.usageLedger.edges.map((edge) => edge.node);
  // As everywhere: an event that was taken back counts -1.
  const events = rows.reduce((sum, row) => sum + (row.correction === "REVERSAL" ? -1 : 1), 0);
  return (
    <>
      <p id="rows-count">
        {rows.length} rows shown, {events} events
      </p>
      <Scroll label={`Rows of ${productId}`} hasNext={hasNext} isLoading={isLoadingNext} onEnd={more}>
        <table>
          <thead>
            <tr>
              <th>Happened</th>
              <th>Quantity</th>
              <th>Charge</th>
              <th>Correction</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.id}>
                <td>{row.occurredAt}</td>
                <td>
                  {row.quantity} {row.unit}
                </td>
                <td>
                  {row.charge} {row.currency}
                </td>
                <td>{row.correction}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </>
  );
}
