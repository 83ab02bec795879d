// A tour with the typed client: the feed to its end, a summary opened into its rows, an export followed to its file.
//   USAGE_URL=http://127.0.0.1:8000 USAGE_TOKEN=gwk_… npm start
import { feed, type Activity } from "./feed.js";
import { freeze } from "./freezing.js";
import type { CreateExportInput } from "./generated/graphql.js";
import { Gateway, Refused } from "./gateway.js";
import { newestCustomer } from "./customer.js";
import { rowsBehind, summary } from "./summary.js";

async function main(): Promise<void> {
  const { USAGE_URL: url, USAGE_TOKEN: token } = process.env;
  if (!url || !token) throw new Refused("SETTINGS", "USAGE_URL and USAGE_TOKEN are needed; ./scripts/serve prints both");
  const gateway = new Gateway(url, token);
  const customer = await newestCustomer(gateway);
  if (!customer) throw new Refused("EMPTY", "nobody has used anything yet");
  console.log(`customer ${customer.name ?? customer.recordId}`);

  const seen: Activity[] = [];
  let pages = 0;
  for await (const page of feed(gateway, customer.recordId, 200)) {
    seen.push(...page);
    pages += 1;
  }
  const ids = new Set(seen.map((activity) => activity.id));
  console.log(`feed: ${seen.length} activities in ${pages} pages, ${ids.size} different`);

  const totals = await summary(gateway, customer.recordId);
  console.log(`summary as of ${totals.asOf}: ${totals.total.events} events`);
  for (const { node } of totals.groups.edges) {
    const charges = node.charges.map(({ charge, currency }) => `${charge} ${currency}`).join(", ");
    console.log(`  ${node.product?.name ?? node.productId ?? "(no product)"}: ${node.events} events, ${charges || "no charge"}`);
  }
  const most = totals.groups.edges.find(({ node }) => node.productId !== null)?.node;
  if (most?.productId) {
    let rows = 0;
    let events = 0;
    for await (const row of rowsBehind(gateway, { customerId: [customer.recordId], productId: [most.productId] }, totals.asOf)) {
      rows += 1;
      events += row.correction === "REVERSAL" ? -1 : 1;
    }
    console.log(`behind ${most.productId}: ${rows} rows, ${events} events of ${most.events}`);
  }

  const asked: CreateExportInput = { report: "USAGE_LEDGER", format: "CSV", filters: { customerId: [customer.recordId] } };
  const file = await freeze(gateway, asked, ({ status, rows, rowsExpected }) => {
    console.log(`export: ${status}, ${rows} of ${rowsExpected ?? "?"} rows`);
  });
  console.log(`file: ${file.name}, ${file.content.length} bytes, digest as stated`);
}

try {
  await main();
} catch (error) {
  if (!(error instanceof Refused)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
