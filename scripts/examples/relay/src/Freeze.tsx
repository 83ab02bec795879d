// Freezes the usage ledger as a file, and follows it until the file is there.
import { useState } from "react";
import { graphql, useMutation } from "react-relay";
import type { FreezeMutation } from "./__generated__/FreezeMutation.graphql";
import { Progress } from "./Progress";

export function Freeze() {
  const [commit, isInFlight] = useMutation<FreezeMutation>(graphql`
    mutation FreezeMutation($input: CreateExportInput!) {
      createExport(input: $input) {
        errors {
          field
          message
        }
        export {
          id
          ...Progress_export
        }
      }
    }
  `);
  const [answer, setAnswer] = useState<FreezeMutation["response"]["createExport"]>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const freeze = () =>
    commit({
      variables: { input: { report: "USAGE_LEDGER", format: "CSV" } },
      onCompleted: ({ createExport }) => {
        setAnswer(createExport);
        setProblem(createExport?.errors.map(({ field, message }) => `${field ?? "input"}: ${message}`).join("; ") || null);
      },
      onError: (error) => setProblem(error.message),
    });
  return (
    <section>
      <h2>Export</h2>
      <button onClick={freeze} disabled={isInFlight}>
        Freeze the usage ledger
      </button>
      {problem !== null && <p role="alert">{problem}</p>}
      {answer?.export && <Progress key={answer.export.id} id={answer.export.id} export_={answer.export} />}
    </section>
  );
}
