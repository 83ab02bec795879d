// How far an export is. The subscription changes Relay's store, and with it what stands here.
import { useMemo, useState } from "react";
import { graphql, useFragment, useSubscription } from "react-relay";
import type { ProgressSubscription } from "./__generated__/ProgressSubscription.graphql";
import type { Progress_export$key } from "./__generated__/Progress_export.graphql";

const FOLLOWED = graphql`
  subscription ProgressSubscription($id: ID!) {
    export(id: $id) {
      ...Progress_export
    }
  }
`;

export function Progress({ id, export_ }: { id: string; export_: Progress_export$key }) {
  const [problem, setProblem] = useState<string | null>(null);
  // A new object would be taken for another subscription.
  const followed = useMemo(
    () => ({ subscription: FOLLOWED, variables: { id }, onError: (error: Error) => setProblem(error.message) }),
    [id],
  );
  useSubscription<ProgressSubscription>(followed);
  const { status, reason, rows, rowsExpected, fileName, downloadUrl } = useFragment(
    graphql`
      fragment Progress_export on Export {
        status
        reason
        rows
        rowsExpected
        fileName
        downloadUrl
      }
    `,
    export_,
  );
  return (
    <>
      <p role="status">
        {status}: {rows} of {rowsExpected ?? "?"} rows {reason}
      </p>
      <progress value={rows} max={rowsExpected ?? rows + 1} aria-label="Rows made" />{" "}
      {problem !== null && <p role="alert">{problem}</p>}
      {/* The file too is fetched by way of the page's own server. */}
      {downloadUrl !== null && (
        <a href={new URL(downloadUrl, location.href).pathname} download={fileName}>
          {fileName}
        </a>
      )}
    </>
  );
}
