// The last answer as a chart and a table, in a dialog over the page: the same on a desk, on a phone and by keyboard.
import { useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";
import { answer } from "./asking.js";
import { isInstant, labels, measures, tablesIn } from "./tables.js";

const WIDTH = 720;
const MOST_BARS = 30;
const MOST_ROWS = 200;

export function Look({ open, onClose }) {
  const dialog = useRef(null);
  const last = useSyncExternalStore(answer.subscribe, answer.get);
  useEffect(() => {
    if (open && !dialog.current.open) dialog.current.showModal();
    if (!open && dialog.current.open) dialog.current.close();
  }, [open]);
  return (
    <dialog ref={dialog} className="look" aria-labelledby="look-title" onClose={onClose}>
      <header>
        <h2 id="look-title">{last?.operation ?? "The answer"}</h2>
        <button type="button" onClick={onClose} autoFocus>
          Close
        </button>
      </header>
      {open && <Shown data={last?.data} zone={last?.zone} />}
    </dialog>
  );
}

function Shown({ data, zone }) {
  const tables = useMemo(() => (data ? tablesIn(data) : []), [data]);
  const [chosen, choose] = useState(0);
  if (tables.length === 0) {
    return <p className="look-empty">There is nothing to draw yet: run an operation that answers with rows or totals.</p>;
  }
  const table = tables[Math.min(chosen, tables.length - 1)];
  return (
    <>
      {tables.length > 1 && (
        <label className="look-choice">
          Part of the answer
          <select value={chosen} onChange={(event) => choose(Number(event.target.value))}>
            {tables.map((each, at) => (
              <option key={each.name} value={at}>
                {each.name} ({each.rows.length})
              </option>
            ))}
          </select>
        </label>
      )}
      <Chart key={table.name} table={table} zone={zone} />
      <Rows table={table} />
    </>
  );
}

function Chart({ table, zone }) {
  const numbers = useMemo(() => measures(table), [table]);
  const words = useMemo(() => labels(table), [table]);
  const [measure, setMeasure] = useState(numbers[0]);
  const [label, setLabel] = useState(words[0]);
  if (numbers.length === 0) return null;
  const points = table.rows
    .filter((row) => row[measure] !== null && row[measure] !== undefined)
    .map((row, at) => ({ name: String(row[label] ?? at + 1), value: Number(row[measure]) }));
  const time = points.length > 1 && points.every((each) => isInstant(each.name));
  return (
    <figure>
      <div className="look-choices">
        <Choice name="Show" value={measure} of={numbers} onChange={setMeasure} />
        {words.length > 1 && <Choice name="by" value={label} of={words} onChange={setLabel} />}
      </div>
      {time ? <Line points={points} day={dayIn(zone)} /> : <Bars points={points} />}
      <figcaption>
        {measure}
        {label === undefined ? "" : ` by ${label}`}
        {time && zone && zone !== "UTC" ? `, in days of ${zone}` : ""}; the table below says the same, exactly.
      </figcaption>
    </figure>
  );
}

function Choice({ name, value, of, onChange }) {
  return (
    <label className="look-choice">
      {name}
      <select value={value} onChange={(event) => onChange(event.target.value)}>
        {of.map((each) => (
          <option key={each}>{each}</option>
        ))}
      </select>
    </label>
  );
}

const round = new Intl.NumberFormat("en", { maximumSignificantDigits: 4, notation: "compact" });

function Bars({ points }) {
  const shown = points.slice(0, MOST_BARS);
  const least = Math.min(0, ...shown.map((each) => each.value));
  const most = Math.max(0, ...shown.map((each) => each.value));
  const across = (value) => ((value - least) / (most - least || 1)) * 100;
  return (
    <div className="look-bars" role="img" aria-label={`A bar for each of ${shown.length} rows`}>
      {shown.map((each, at) => (
        <div key={at} className="look-bar">
          <span className="look-name" title={each.name}>
            {each.name}
          </span>
          <span className="look-track">
            <span
              className="look-length"
              style={{
                marginLeft: `${across(Math.min(0, each.value))}%`,
                width: `${Math.abs(across(each.value) - across(0))}%`,
              }}
            />
          </span>
          <span className="look-value">{round.format(each.value)}</span>
        </div>
      ))}
      {points.length > shown.length && <p>The first {shown.length} of {points.length} rows.</p>}
    </div>
  );
}

// The day that holds an instant where the question's days are: in UTC a day of Berlin begins on the day before.
function dayIn(zone) {
  try {
    const calendar = new Intl.DateTimeFormat("sv-SE", { timeZone: zone ?? "UTC", dateStyle: "short" });
    return (name) => (name.length > 10 ? calendar.format(new Date(name)) : name);
  } catch {
    return (name) => name.slice(0, 10); // a zone that this browser does not know
  }
}

function Line({ points, day }) {
  const height = 240;
  const margin = { left: 56, right: 12, top: 12, bottom: 28 };
  const values = points.map((each) => each.value);
  const least = Math.min(0, ...values);
  const most = Math.max(...values, least + 1e-9);
  const x = (at) => margin.left + (at / (points.length - 1)) * (WIDTH - margin.left - margin.right);
  const y = (value) => height - margin.bottom - ((value - least) / (most - least)) * (height - margin.top - margin.bottom);
  const path = points.map((each, at) => `${at === 0 ? "M" : "L"}${x(at).toFixed(1)},${y(each.value).toFixed(1)}`).join("");
  const ticks = [least, (least + most) / 2, most];
  const days = [0, Math.floor((points.length - 1) / 2), points.length - 1];
  return (
    <svg
      className="look-line"
      viewBox={`0 0 ${WIDTH} ${height}`}
      role="img"
      aria-label={`A line over ${points.length} points in time, from ${round.format(Math.min(...values))} to ${round.format(most)}`}
    >
      {ticks.map((each) => (
        <g key={each}>
          <line x1={margin.left} x2={WIDTH - margin.right} y1={y(each)} y2={y(each)} className="look-rule" />
          <text x={margin.left - 8} y={y(each) + 4} textAnchor="end">
            {round.format(each)}
          </text>
        </g>
      ))}
      {days.map((at) => (
        <text key={at} x={x(at)} y={height - 8} textAnchor={at === 0 ? "start" : at === points.length - 1 ? "end" : "middle"}>
          {day(points[at].name)}
        </text>
      ))}
      <path d={`${path}L${x(points.length - 1)},${y(least)}L${x(0)},${y(least)}Z`} className="look-area" />
      <path d={path} className="look-stroke" />
    </svg>
  );
}

function Rows({ table }) {
  const shown = table.rows.slice(0, MOST_ROWS);
  const numeric = new Set(measures(table));
  return (
    // Scrolls by keyboard too, which asks for a place in the order of tabs and a name.
    <div className="look-table" role="region" aria-label={`Table of ${table.name}`} tabIndex={0}>
      <table>
        <thead>
          <tr>
            {table.columns.map((column) => (
              <th key={column} scope="col" className={numeric.has(column) ? "look-number" : undefined}>
                {column}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {shown.map((row, at) => (
            <tr key={at}>
              {table.columns.map((column) => (
                <td key={column} className={numeric.has(column) ? "look-number" : undefined}>
                  {row[column] === null || row[column] === undefined ? "" : String(row[column])}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {table.rows.length > shown.length && <p>The first {shown.length} of {table.rows.length} rows.</p>}
    </div>
  );
}
