// The audit of GraphQL over HTTP by graphql-http, against the server at the URL that is given, with a token:
//   node audit.mjs http://127.0.0.1:8000/graphql gwk_…
// Prints one JSON array of { id, name, status, reason }.
import { serverAudits } from "graphql-http";

const [url, token] = process.argv.slice(2);
const authorized = (input, init = {}) =>
  fetch(input, { ...init, headers: { ...init.headers, authorization: `Bearer ${token}` } });
const told = [];
for (const audit of serverAudits({ url, fetchFn: authorized })) {
  const { id, name, status, reason } = await audit.fn();
  told.push({ id, name, status, reason });
}
console.log(JSON.stringify(told));
