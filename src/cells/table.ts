import { cut } from "../core/cut.js";
import { type Displayable, displayable, type MimeBundle, type ShowOptions } from "./display.js";
import { escapeHtml } from "./html.js";

/** What a table is drawn from: cells by row. `index`, where given, names the rows. */
export type TableContent = { columns: string[]; values: unknown[][]; index?: (string | number)[] };

type Cell = { text: string; full: string; numeric: boolean; missing: boolean };

/** A table to show from plain rows; columns appear in the order in which the rows name them. */
export function table(rows: readonly Record<string, unknown>[], options: ShowOptions = {}): Displayable {
  const columns = columnNames(rows);
  const values = rows.map((row) => columns.map((name) => row[name]));
  return displayable({}, (shown) => tableBundle({ columns, values }, { ...options, ...shown }));
}

/** The names in the order in which rows mention them first. */
export function columnNames(rows: readonly Record<string, unknown>[]): string[] {
  const names = new Set<string>();
  for (const row of rows) for (const name of Object.keys(row)) names.add(name);
  return [...names];
}

/** The HTML and the plain text of a table. */
export function tableBundle(content: TableContent, options: ShowOptions = {}): MimeBundle {
  const { rows = 20, columns = 20, characters = 100, title = "" } = options;
  const shown: TableContent = {
    columns: content.columns.slice(0, columns),
    values: content.values.slice(0, rows).map((row) => row.slice(0, columns)),
    ...(content.index && { index: content.index.slice(0, rows) }),
  };
  const cells = shown.values.map((row) => row.map((value) => formatCell(value, characters)));
  const note = sizeNote(content, rows, columns);
  return { "text/html": html(shown, cells, title, note), "text/plain": plain(shown, cells, title, note) };
}

/** A number in at most four significant digits; whole numbers as they are. */
export function formatNumber(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e15) return String(value);
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (size < 1e-4 || size >= 1e7) return value.toExponential(2);
  return size >= 1e4 ? value.toFixed(0) : value.toPrecision(4);
}

function formatCell(value: unknown, characters: number): Cell {
  if (value === null || value === undefined || Number.isNaN(value)) return { text: "–", full: "", numeric: false, missing: true };
  if (typeof value === "number") return { text: formatNumber(value), full: "", numeric: true, missing: false };
  const full = typeof value === "object" && !(value instanceof Date) ? JSON.stringify(value) : String(value);
  const text = cut(full.replace(/\s+/g, " "), characters);
  return { text, full: text === full ? "" : cut(full, 2000), numeric: false, missing: false };
}

function sizeNote({ columns, values }: TableContent, maxRows: number, maxColumns: number): string {
  const size = `${values.length} ${values.length === 1 ? "row" : "rows"} × ${columns.length} ${columns.length === 1 ? "column" : "columns"}`;
  const cuts = [values.length > maxRows && `first ${maxRows} rows`, columns.length > maxColumns && `first ${maxColumns} columns`];
  const shown = cuts.filter(Boolean).join(" and ");
  return shown ? `${size}; the ${shown} shown` : size;
}

const CELL = "padding:3px 10px;vertical-align:top;border-bottom:1px solid rgba(128,128,128,.25)";
/** Characters: columns of no more keep to their words, longer ones are not made narrower than the second. */
const [NARROW, WIDE] = [8, 24];
const DIM = "color:rgba(128,128,128,.95)";

function html({ columns, index }: TableContent, cells: Cell[][], title: string, note: string): string {
  const numeric = columns.map((_, j) => cells.some((row) => row[j]!.numeric));
  const align = (j: number): string => (numeric[j] ? "text-align:right;font-variant-numeric:tabular-nums" : "text-align:left");
  // Words are not squeezed for numbers: a table that is too wide scrolls.
  const longest = columns.map((_, j) => Math.max(0, ...cells.map((row) => (row[j]!.numeric ? 0 : row[j]!.text.length))));
  const least = (j: number): string => (longest[j]! > NARROW ? `;min-width:${Math.min(longest[j]!, WIDE)}ch` : "");
  const corner = index ? `<th style="${CELL}"></th>` : "";
  const head = columns
    .map((name, j) => `<th style="${CELL};${align(j)};font-weight:600${least(j)}">${escapeHtml(String(name))}</th>`)
    .join("");
  const body = cells.map((row, i) => {
    const name = index ? `<th style="${CELL};${DIM};font-weight:400;text-align:left">${escapeHtml(String(index[i]))}</th>` : "";
    const tds = row.map((cell, j) => {
      const tooltip = cell.full ? ` title="${escapeHtml(cell.full)}"` : "";
      return `<td style="${CELL};${align(j)}${cell.missing ? `;${DIM}` : ""};max-width:42em"${tooltip}>${escapeHtml(cell.text)}</td>`;
    });
    return `<tr>${name}${tds.join("")}</tr>`;
  });
  const caption = title ? `<div style="font-weight:600;margin:4px 0">${escapeHtml(title)}</div>` : "";
  return (
    `<div style="overflow-x:auto">${caption}<table style="border-collapse:collapse;font-size:13px;border:0">` +
    `<thead><tr>${corner}${head}</tr></thead><tbody>${body.join("")}</tbody></table>` +
    `<div style="${DIM};font-size:12px;margin-top:4px">${escapeHtml(note)}</div></div>`
  );
}

const PLAIN_WIDTH = 40;

function plain({ columns, index }: TableContent, cells: Cell[][], title: string, note: string): string {
  const rows = cells.map((row, i) => [...(index ? [String(index[i])] : []), ...row.map((cell) => cut(cell.text, PLAIN_WIDTH))]);
  const head = [...(index ? [""] : []), ...columns.map((name) => cut(String(name), PLAIN_WIDTH))];
  const widths = head.map((name, j) => Math.max(name.length, ...rows.map((row) => row[j]!.length)));
  const shift = index ? 1 : 0;
  const line = (row: string[]): string =>
    row
      .map((text, j) => (cells.some((cell) => cell[j - shift]?.numeric) ? text.padStart(widths[j]!) : text.padEnd(widths[j]!)))
      .join("  ")
      .trimEnd();
  return [...(title ? [title] : []), line(head), ...rows.map(line), note].join("\n");
}
