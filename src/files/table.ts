import { gunzipSync } from "node:zlib";
import { expected, FormatError, shown } from "../core/errors.js";
import { csvRecords, tabRecords } from "./csv.js";
import { parquetRows } from "./parquet.js";
import type { FileSource } from "./source.js";

export type Row = Record<string, unknown>;

export type Table = {
  file: string;
  columns: string[];
  rows: Row[];
  /** Where row `i` (from 0) is, for errors: `train.tsv row 12` counts records from 1, without the header. */
  at(i: number): string;
};

export type TableOptions = {
  /** Names of the columns, for a csv or tsv without a header line. */
  columns?: readonly string[];
  /** Only these columns are kept, those of them that exist; all where absent. */
  select?: readonly string[];
  /** A csv's quotes: `quoted` as RFC 4180 has them; `plain`, where every comma separates; `either` tries the first, then the second. */
  quoting?: "quoted" | "plain" | "either";
};

/** More than any file of the four data sets; a file that unpacks to more is refused. */
const MAX_UNPACKED_BYTES = 2 ** 30;

/**
 * Reads a table by its extension: .csv .tsv .json .jsonl .txt (one column `text`) .parquet, each also with .gz. A .json is an array of
 * objects, or one object a line. Cells of csv and tsv are texts; whole numbers of parquet are numbers, also where stored as int64.
 * @throws FormatError that names the file and, where it can, the row.
 */
export async function readTable(source: FileSource, path: string, options: TableOptions = {}): Promise<Table> {
  const zipped = path.toLowerCase().endsWith(".gz");
  const extension = /\.([a-z]+)$/i.exec(zipped ? path.slice(0, -3) : path)?.[1]?.toLowerCase();
  const bytes = async () => {
    const read = await source.read(path);
    return zipped ? unpacked(read, path) : read;
  };
  switch (extension) {
    case "csv":
      return fromRecords(path, csvRecords(decoded(await bytes(), path), path, options), options);
    case "tsv":
      return fromRecords(path, tabRecords(decoded(await bytes(), path)), options);
    case "txt":
      return fromRecords(path, lines(decoded(await bytes(), path)), { ...options, columns: ["text"] });
    case "json":
    case "jsonl":
      return fromObjects(path, jsonObjects(decoded(await bytes(), path), path, extension === "jsonl"), options);
    case "parquet":
      return fromObjects(path, await parquetRows(source, path, zipped ? await bytes() : null, options.select), options);
    default:
      throw new FormatError(expected(path, "a file ending in .csv, .tsv, .json, .jsonl, .txt or .parquet (or that with .gz)", extension));
  }
}

/** @throws FormatError that names the file, the missing columns and those that came. */
export function requireColumns(table: Table, names: readonly string[], remedy = ""): void {
  const missing = names.filter((name) => !table.columns.includes(name));
  if (missing.length === 0) return;
  throw new FormatError(expected(table.file, `columns ${names.join(", ")} (missing: ${missing.join(", ")})`, table.columns, remedy));
}

/** The text in a cell. @throws FormatError that names file, row and column where it is anything but text. */
export function textAt(table: Table, i: number, column: string): string {
  const value = table.rows[i]![column];
  if (typeof value === "string") return value;
  throw cellError(table, i, column, "text", value);
}

/** The number in a cell, also where it is written as text. @throws FormatError that names file, row and column. */
export function numberAt(table: Table, i: number, column: string): number {
  const value = table.rows[i]![column];
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  if (typeof number === "number" && Number.isFinite(number)) return number;
  throw cellError(table, i, column, "a number", value);
}

/** The error for a cell that does not hold what it should. */
export function cellError(table: Table, i: number, column: string, what: string, got: unknown, remedy = ""): FormatError {
  return new FormatError(expected(`${table.at(i)}, column ${JSON.stringify(column)}`, what, got, remedy));
}

const place = (file: string) => (i: number) => `${file} row ${i + 1}`;

function unpacked(bytes: Uint8Array, path: string): Uint8Array {
  try {
    const { buffer, byteOffset, byteLength } = gunzipSync(bytes, { maxOutputLength: MAX_UNPACKED_BYTES });
    return new Uint8Array(buffer, byteOffset, byteLength);
  } catch (error) {
    throw new FormatError(`${path}: expected gzip data of at most 1 GiB unpacked, got ${(error as Error).message}`);
  }
}

function decoded(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new FormatError(`${path}: expected UTF-8 text, got other bytes. Save the file as UTF-8`);
  }
}

const lines = (text: string): string[][] => text.split(/\r?\n/).flatMap((line) => (line.trim() === "" ? [] : [[line]]));

function fromRecords(file: string, records: string[][], options: TableOptions): Table {
  const header = options.columns ?? records[0];
  if (!header) throw new FormatError(`${file}: expected a header line with the column names, got an empty file`);
  const body = options.columns ? records : records.slice(1);
  const kept = header.flatMap((name, at) => (!options.select || options.select.includes(name) ? [{ name, at }] : []));
  const at = place(file);
  const rows = body.map((cells, i) => {
    if (cells.length !== header.length) {
      throw new FormatError(
        `${at(i)}: expected ${header.length} cells (${header.join(", ")}), got ${cells.length}: ${shown(cells.join(" | "))}`,
      );
    }
    const row: Row = {};
    for (const column of kept) row[column.name] = cells[column.at];
    return row;
  });
  return { file, columns: kept.map((column) => column.name), rows, at };
}

function fromObjects(file: string, values: unknown[], options: TableOptions): Table {
  const at = place(file);
  const columns = new Set<string>();
  const rows = values.map((value, i) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) throw new FormatError(expected(at(i), "an object", value));
    for (const name in value) columns.add(name);
    return value as Row;
  });
  return { file, columns: [...columns].filter((name) => !options.select || options.select.includes(name)), rows, at };
}

function jsonObjects(text: string, path: string, byLine: boolean): unknown[] {
  const parsed = byLine ? undefined : parse(text);
  if (parsed && !("error" in parsed)) {
    if (Array.isArray(parsed.value)) return parsed.value;
    if (text.trim().includes("\n")) {
      throw new FormatError(expected(path, "an array of objects, or one object a line", parsed.value, "Wrap the rows in [ ]"));
    }
  }
  return lines(text).map(([line], i) => {
    const row = parse(line!);
    if ("error" in row) throw new FormatError(`${path} row ${i + 1}: expected one JSON object a line, got ${shown(line)} (${row.error})`);
    return row.value;
  });
}

function parse(text: string): { value: unknown } | { error: string } {
  try {
    return { value: JSON.parse(text) };
  } catch (error) {
    return { error: (error as Error).message };
  }
}
