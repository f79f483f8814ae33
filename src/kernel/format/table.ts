/** A table as HTML and as text; every piece of content is escaped. */
import type { MimeData } from "../messages.js";
import { cut, escapeHtml } from "./html.js";
import { count, messageOf } from "./text.js";

/** The part of a table that is shown: the first rows of the first columns. */
export type TableContent = {
  columns: { name: string; type: string }[];
  rows: unknown[][];
  /** Names of the rows shown. */
  index: unknown[];
  /** The whole table's size. */
  size: { rows: number; columns: number };
};

/** Rows, columns, and characters of a cell or a column's name that are shown. */
export const TABLE_LIMITS = { rows: 20, columns: 20, characters: 100 };

type Cell = { text: string; full: string; numeric: boolean; missing: boolean };

export function tableBundle({ columns, rows, index, size }: TableContent): MimeData {
  const head = columns.map(({ name, type }) => ({ text: cut(oneLine(name), TABLE_LIMITS.characters), type }));
  const cells = rows.map((row) => columns.map((_, j) => toCell(row[j])));
  const names = index.map((name) => cut(oneLine(toText(name)), TABLE_LIMITS.characters));
  const note = sizeNote(size, rows.length, columns.length);
  return { "text/html": html(head, cells, names, note), "text/plain": plain(head, cells, names, note) };
}

/** A number in at most four significant digits; whole numbers as they are. */
export function shortNumber(value: number): string {
  if (!Number.isFinite(value) || (Number.isInteger(value) && Math.abs(value) < 1e15)) return String(value);
  const size = Math.abs(value);
  if (size < 1e-4 || size >= 1e7) return value.toExponential(2);
  return size >= 1e4 ? value.toFixed(0) : value.toPrecision(4);
}

function toCell(value: unknown): Cell {
  if (value === null || value === undefined || Number.isNaN(value)) return { text: "–", full: "", numeric: false, missing: true };
  if (typeof value === "number") return { text: shortNumber(value), full: String(value), numeric: true, missing: false };
  if (typeof value === "bigint") return { text: String(value), full: "", numeric: true, missing: false };
  const full = toText(value);
  const text = cut(oneLine(full), TABLE_LIMITS.characters);
  return { text, full: text === full ? "" : cut(full, 1000), numeric: false, missing: false };
}

function toText(value: unknown): string {
  try {
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? "invalid date" : value.toISOString();
    return typeof value === "object" && value !== null ? (JSON.stringify(value) ?? "") : String(value);
  } catch (error) {
    return `(${messageOf(error)})`;
  }
}

/** Control characters would break a line of the text table. */
const oneLine = (text: string): string => text.slice(0, 2000).replace(/[\s\p{Cc}]+/gu, " ");

function sizeNote(size: TableContent["size"], rows: number, columns: number): string {
  const text = `${count(size.rows)} ${size.rows === 1 ? "row" : "rows"} × ${count(size.columns)} ${size.columns === 1 ? "column" : "columns"}`;
  const cuts = [rows < size.rows && `first ${rows} rows`, columns < size.columns && `first ${columns} columns`].filter(Boolean);
  return cuts.length ? `${text}; the ${cuts.join(" and ")} shown` : text;
}

type Head = { text: string; type: string }[];

const CELL = "padding:3px 10px;vertical-align:top;border-bottom:1px solid rgba(128,128,128,.25)";
const DIM = "color:rgba(128,128,128,.95)";

function html(head: Head, cells: Cell[][], names: string[], note: string): string {
  const align = head.map((_, j) => (isNumeric(cells, j) ? "text-align:right;font-variant-numeric:tabular-nums" : "text-align:left"));
  const titles = head.map(({ text, type }, j) => {
    const tooltip = type ? ` title="${escapeHtml(type)}"` : "";
    return `<th style="${CELL};${align[j]};font-weight:600"${tooltip}>${escapeHtml(text)}</th>`;
  });
  const body = cells.map((row, i) => {
    const name = `<th style="${CELL};${DIM};font-weight:400;text-align:left">${escapeHtml(names[i] ?? "")}</th>`;
    const columns = row.map(({ text, full, missing }, j) => {
      const tooltip = full && full !== text ? ` title="${escapeHtml(full)}"` : "";
      return `<td style="${CELL};${align[j]}${missing ? `;${DIM}` : ""};max-width:42em"${tooltip}>${escapeHtml(text)}</td>`;
    });
    return `<tr>${name}${columns.join("")}</tr>`;
  });
  return (
    `<div style="overflow-x:auto"><table style="border-collapse:collapse;font-size:13px;border:0"><thead><tr><th style="${CELL}"></th>` +
    `${titles.join("")}</tr></thead><tbody>${body.join("")}</tbody></table>` +
    `<div style="${DIM};font-size:12px;margin-top:4px">${escapeHtml(note)}</div></div>`
  );
}

/** Characters of a column of the text table. */
const PLAIN_WIDTH = 40;

function plain(head: Head, cells: Cell[][], names: string[], note: string): string {
  const lines = [["", ...head.map(({ text }) => text)], ...cells.map((row, i) => [names[i] ?? "", ...row.map(({ text }) => text)])];
  const short = lines.map((line) => line.map((text) => cut(text, PLAIN_WIDTH)));
  const widths = short[0]!.map((_, j) => Math.max(...short.map((line) => line[j]!.length)));
  const texts = short.map((line) =>
    line.map((text, j) => (j > 0 && isNumeric(cells, j - 1) ? text.padStart(widths[j]!) : text.padEnd(widths[j]!))).join("  "),
  );
  return [...texts.map((line) => line.trimEnd()), note].join("\n");
}

/** Numbers, and perhaps gaps, only. */
function isNumeric(cells: Cell[][], column: number): boolean {
  return cells.some((row) => row[column]!.numeric) && cells.every((row) => row[column]!.numeric || row[column]!.missing);
}
