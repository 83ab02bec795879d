// The whole page: one query, made of what each part asks for.
import { graphql, useLazyLoadQuery } from "react-relay";
import type { AppQuery } from "./__generated__/AppQuery.graphql";
import { Feed } from "./Feed";
import { Freeze } from "./Freeze";
import { Summary } from "./Summary";

export function App() {
  const query = useLazyLoadQuery<AppQuery>(
    graphql`
      query AppQuery {
        viewer {
          account {
            name
          }
        }
        ...Summary_query
        ...Feed_query
      }
    `,
    {},
  );
  return (
    <main>
      <h1>Usage of {query.viewer.account.name}</h1>
      <Summary query={query} />
      <Freeze />
      <Feed query={query} />
    </main>
  );
}
