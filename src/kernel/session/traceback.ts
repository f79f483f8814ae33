/** An error as a notebook shows it: what and where, the line of the cell, the way there, and what caused it. */
import { inspect } from "node:util";
import type { CellError } from "../messages.js";
import type { CellPlace, Cells } from "./cells.js";

const RED = "\x1b[31m";
const BOLD_RED = "\x1b[1;31m";
const DIM = "\x1b[2m";
const CYAN = "\x1b[36m";
const END = "\x1b[0m";

/** Frames shown of one error, causes followed, errors shown of an AggregateError, lines around the place, characters of one line. */
const FRAMES = 20;
const CAUSES = 5;
const SIBLINGS = 10;
const AROUND = 2;
const WIDTH = 160;
/** Characters of a message. */
const MESSAGE = 20_000;

/** Never throws, whatever was thrown. */
export function describeError(error: unknown, cells: Cells): CellError {
  try {
    return describe(error, cells);
  } catch (failure) {
    const evalue = `an error that cannot be shown (${failure instanceof Error ? failure.name : typeof failure})`;
    return { ename: "Error", evalue, traceback: [`${BOLD_RED}Error${END}: ${evalue}`] };
  }
}

function describe(error: unknown, cells: Cells): CellError {
  const { name, message } = nameAndMessage(error);
  const traceback = explain(error, cells, new Set()).flatMap((text) => text.split("\n"));
  return { ename: name, evalue: message, traceback };
}

function explain(error: unknown, cells: Cells, seen: Set<unknown>): string[] {
  const { name, message } = nameAndMessage(error);
  const lines = [`${BOLD_RED}${name}${END}: ${message}`];
  if (!isError(error) || seen.has(error)) return lines;
  seen.add(error);
  const { frames, place } = where(error, cells);
  if (place) lines.push(...excerpt(place));
  lines.push(...frames, ...extras(error));
  if (seen.size > CAUSES) return lines;
  const siblings: unknown = (error as AggregateError).errors;
  if (Array.isArray(siblings)) {
    siblings.slice(0, SIBLINGS).forEach((one, index) => {
      lines.push(`${DIM}[${index + 1} of ${siblings.length}]${END}`, ...explain(one, cells, seen).map((line) => indent(line)));
    });
    if (siblings.length > SIBLINGS) lines.push(`${DIM}... and ${siblings.length - SIBLINGS} more${END}`);
  }
  if (error.cause !== undefined) lines.push(`${DIM}Caused by:${END}`, ...explain(error.cause, cells, seen));
  return lines;
}

function nameAndMessage(error: unknown): { name: string; message: string } {
  if (!isError(error)) return { name: "Uncaught", message: limit(inspect(error, { depth: 2, breakLength: 120 })) };
  const name = typeof error.name === "string" && error.name ? error.name : "Error";
  return { name, message: limit(String(error.message ?? "")) };
}

/** From another realm too: what jsdom or `vm` throws is no instance of this realm's Error. */
const isError = (value: unknown): value is Error =>
  value instanceof Error || (typeof value === "object" && value !== null && "stack" in value && "message" in value);

const limit = (text: string): string => (text.length > MESSAGE ? `${text.slice(0, MESSAGE)}... (${text.length} characters)` : text);

function where(error: Error, cells: Cells): { frames: string[]; place: CellPlace | undefined } {
  const stack = typeof error.stack === "string" ? error.stack : "";
  const written = stack.split("\n").filter((line) => /^\s+at /.test(line) && !/[( ]node:/.test(line));
  const frames = written.slice(0, FRAMES).map((line) => `${DIM}    ${paint(cells.translate(line.trim()))}${END}`);
  if (written.length > FRAMES) frames.push(`${DIM}    ... ${written.length - FRAMES} more${END}`);
  const first = written.find((line) => /\bcell(?: \d+)?:\d+:\d+|\bcell-\d+\.ts:\d+:\d+/.test(line));
  return { frames, place: first === undefined ? undefined : cells.find(first) };
}

const paint = (line: string): string => line.replace(/\bcell(?: \d+)?:\d+:\d+/, (place) => `${END}${CYAN}${place}${END}${DIM}`);

/** The lines around the place, with a mark under the column. */
function excerpt({ source, line, column }: CellPlace): string[] {
  const lines = source.split(/\r?\n/);
  if (!source || line > lines.length) return [];
  const first = Math.max(1, line - AROUND);
  const last = Math.min(lines.length, line + AROUND);
  const width = String(last).length;
  const shown: string[] = [];
  for (let number = first; number <= last; number++) {
    const text = (lines[number - 1] ?? "").slice(0, WIDTH);
    const label = `${String(number).padStart(width)} |`;
    shown.push(number === line ? `${RED}>${END} ${label} ${text}` : `${DIM}  ${label} ${text}${END}`);
    if (number !== line || column > WIDTH) continue;
    const before = text.slice(0, column - 1).replace(/[^\t]/g, " ");
    shown.push(`${DIM}  ${" ".repeat(width)} |${END} ${before}${RED}^${END}`);
  }
  return shown;
}

/** What else the error carries, such as `code`. */
function extras(error: Error): string[] {
  const hidden = ["stack", "message", "name", "cause", "errors"];
  const more = Object.entries(error).filter(([key]) => !hidden.includes(key));
  if (!more.length) return [];
  return [`${DIM}${limit(inspect(Object.fromEntries(more), { depth: 1, breakLength: 120 }))}${END}`];
}

const indent = (text: string): string => text.replace(/^/gm, "  ");
