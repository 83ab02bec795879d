// A report frozen as a file, and followed until the file is there.
import { createHash } from "node:crypto";
import { graphql, read } from "./generated/index.js";
import type { CreateExportInput, ProgressFragment } from "./generated/graphql.js";
import { Refused, type Gateway } from "./gateway.js";

const Progress = graphql(`
  fragment Progress on Export {
    id
    status
    reason
    rows
    rowsExpected
    fileName
    downloadUrl
    artifactDigest
  }
`);

const Freeze = graphql(`
  mutation Freeze($input: CreateExportInput!) {
    createExport(input: $input) {
      errors {
        code
        field
        message
      }
      export {
        ...Progress
      }
    }
  }
`);

const Followed = graphql(`
  subscription Followed($id: ID!) {
    export(id: $id) {
      ...Progress
    }
  }
`);

export interface File {
  readonly name: string;
  readonly content: Uint8Array;
}

/** Freeze a report and wait for its file, telling how far it is. The file's bytes are held against the stated digest. */
export async function freeze(
  gateway: Gateway,
  input: CreateExportInput,
  onProgress: (export_: ProgressFragment) => void,
): Promise<File> {
  const { createExport } = await gateway.ask(Freeze, { input });
  const [refused] = createExport?.errors ?? [];
  if (refused) throw new Refused(refused.code, `${refused.field ?? "input"}: ${refused.message}`);
  let last = read(Progress, createExport?.export);
  if (!last) throw new Refused("UNKNOWN", "no export was made");

  // The subscription tells the present state at once, and ends by itself with the last one.
  for await (const answer of gateway.follow(Followed, { id: last.id })) {
    last = read(Progress, answer.export);
    onProgress(last);
  }
  if (last.status !== "READY" || !last.downloadUrl) throw new Refused(last.status, last.reason ?? "the file was not made");

  const content = await gateway.download(last.downloadUrl);
  const digest = `sha256:${createHash("sha256").update(content).digest("hex")}`;
  if (digest !== last.artifactDigest) throw new Refused("DIGEST", `${last.fileName} has ${digest}, not ${last.artifactDigest}`);
  return { name: last.fileName, content };
}
