// Finds the tables in an answer: connections and lists of objects, each with its columns and its rows. Knows nothing of this
// gateway's schema but how its values are spelled: decimals as text, instants as RFC 3339.

// Every list of at least one object in the answer, named by the way that leads to it.
export function tablesIn(data) {
  const found = [];
  walk(data, [], found);
  // What has many rows is what one wants to see; within that, the answer's own order.
  const weight = (each) => (each.rows.length > 1 ? (each.paged ? 2 : 1) : 0);
  return found.sort((one, other) => weight(other) - weight(one));
}

function walk(value, path, found) {
  if (Array.isArray(value)) {
    if (value.length > 0 && value.every(isObject)) found.push(table(path, value));
    return;
  }
  if (!isObject(value)) return;
  if (Array.isArray(value.edges)) {
    const rows = value.edges.map((edge) => edge?.node).filter(isObject);
    if (rows.length > 0) found.push({ ...table(path, rows), paged: true });
  }
  const single = Object.entries(value).filter(([, each]) => isPlain(each));
  if (path.length > 0 && single.some(([, each]) => isNumber(each)) && !("edges" in value) && !("hasNextPage" in value)) {
    found.push(table(path, [value]));
  }
  for (const [name, each] of Object.entries(value)) if (name !== "edges") walk(each, [...path, name], found);
}

function table(path, rows) {
  const flat = rows.map((row) => flattened(row));
  const columns = [...new Set(flat.flatMap((row) => Object.keys(row)))];
  return { name: path.join(" › ") || "answer", columns, rows: flat };
}

// A row's plain values, those of objects in it under `outer.inner`; lists become what a person reads.
function flattened(row, prefix = "") {
  const flat = {};
  for (const [name, value] of Object.entries(row)) {
    const column = prefix + name;
    if (Array.isArray(value)) flat[column] = value.map(said).join("; ");
    else if (isObject(value) && Array.isArray(value.edges)) flat[column] = value.edges.map((edge) => said(edge.node)).join("; ");
    else if (isObject(value)) Object.assign(flat, flattened(value, `${column}.`));
    else flat[column] = value;
  }
  return flat;
}

function said(value) {
  if (!isObject(value)) return String(value);
  return Object.values(value).filter((each) => each !== null && isPlain(each)).join(" ");
}

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
const isPlain = (value) => value === null || typeof value !== "object";
const INSTANT = /^\d{4}-\d\d-\d\d(T[\d:.]+Z)?$/;
const DECIMAL = /^-?\d{1,38}(\.\d+)?$/;

export const isInstant = (value) => typeof value === "string" && INSTANT.test(value);
export const isNumber = (value) => typeof value === "number" || (typeof value === "string" && DECIMAL.test(value));

// What a chart of the table can show: the columns that are numbers, and the one that names each row.
const NO_MEASURE = /(^|\.)(sequence|version|asOf|statusCode|number)$/;

export function measures(table) {
  return table.columns.filter((column) => {
    const values = table.rows.map((row) => row[column]).filter((value) => value !== null && value !== undefined);
    return values.length > 0 && values.every(isNumber) && !NO_MEASURE.test(column);
  });
}

export function labels(table) {
  const time = table.columns.find((column) => table.rows.every((row) => isInstant(row[column])));
  const words = table.columns.filter(
    (column) => column !== time && table.rows.some((row) => typeof row[column] === "string" && !isNumber(row[column])),
  );
  return time === undefined ? words : [time, ...words];
}
