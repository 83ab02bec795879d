// A subscriber as frontends have it, with the usual client of either protocol; it cuts itself off and comes back:
//   node follow.mjs ws|sse http://127.0.0.1:8000/graphql gwk_… QUERY CURSOR COUNT CUTS
// Takes COUNT events past that cursor, over as many connections as CUTS + 1. Prints them as one JSON array.
import { createClient as sseClient } from "graphql-sse";
import { createClient as wsClient } from "graphql-ws";
import WebSocket from "ws";

const [protocol, url, token, query, begins, count, cuts] = process.argv.slice(2);
const authorization = `Bearer ${token}`;
const connect = () =>
  protocol === "ws"
    ? wsClient({
        url: url.replace("http", "ws"),
        webSocketImpl: WebSocket,
        connectionParams: { Authorization: authorization },
        retryAttempts: 0,
      })
    : sseClient({ url, headers: { Authorization: authorization }, retryAttempts: 0 });

const events = [];
let after = begins;
let left = Number(cuts);
while (events.length < count) {
  const client = connect();
  const most = left > 0 ? Math.min(count - events.length, 1 + (left % 3)) : count - events.length;
  let taken = 0;
  for await (const { data, errors } of client.iterate({ query, variables: { after } })) {
    if (errors) throw new Error(JSON.stringify(errors));
    after = data.activities.cursor;
    events.push(data.activities);
    if (++taken >= most) break;
  }
  client.dispose();
  left -= 1;
}
console.log(JSON.stringify(events));
process.exit(0);
