// Whom the tour is about: whoever used something last.
import { graphql } from "./generated/index.js";
import type { NewestQuery } from "./generated/graphql.js";
import type { Gateway } from "./gateway.js";

const Newest = graphql(`
  query Newest {
    usageLedger(first: 50) {
      edges {
        node {
          customer {
            recordId
            name
          }
        }
      }
    }
  }
`);

export type Customer = NonNullable<NewestQuery["usageLedger"]["edges"][number]["node"]["customer"]>;

/** The customer of the newest entry that names one; null where none of the last 50 does. */
export async function newestCustomer(gateway: Gateway): Promise<Customer | null> {
  const { usageLedger } = await gateway.ask(Newest, {});
  return usageLedger.edges.map((edge) => edge.node.customer).find((customer) => customer !== null) ?? null;
}
