import type { DataFrame } from "danfojs-node";
import { expected } from "../core/errors.js";
import { require } from "../core/tf.js";
import { mendDanfo } from "./danfo-mend.js";
import { columnNames } from "./table.js";

export type { DataFrame } from "danfojs-node";
export type Danfo = typeof import("danfojs-node");

/** Rows that name their columns, or columns of equal length. */
export type FrameData = readonly Record<string, unknown>[] | Record<string, readonly unknown[]>;

/**
 * A danfo frame for looking at results. A field that a row lacks, `undefined` and `NaN` become `null`; lists and objects become JSON text;
 * a column's type comes from all its values, not from the first ten. `columns` picks and orders them (and names those of an empty frame).
 * @throws RangeError for columns of unequal length.
 */
export function frame(data: FrameData, { columns }: { columns?: string[] } = {}): DataFrame {
  const { DataFrame } = danfo();
  const names = columns ?? (Array.isArray(data) ? columnNames(data) : Object.keys(data));
  const rows = Array.isArray(data)
    ? (data as Record<string, unknown>[]).map((row) => names.map((name) => plainValue(row[name])))
    : rowsOf(data as Record<string, readonly unknown[]>, names);
  if (!names.length) return new DataFrame([]);
  return new DataFrame(rows as never, { columns: names, dtypes: names.map((_, j) => columnType(rows, j)) });
}

/**
 * Frames below one another, columns matched by name, `null` where a frame lacks one; the inputs stay as they are.
 * danfo's own `concat` changes its first input.
 */
export function concatFrames(...frames: DataFrame[]): DataFrame {
  return frame(frames.flatMap((one) => rowObjects(one)));
}

/** The rows of a frame as plain objects. */
export function rowObjects(source: DataFrame): Record<string, unknown>[] {
  const values = source.values as unknown[][];
  return values.map((row) => Object.fromEntries(source.columns.map((name, j) => [name, row[j]])));
}

let loaded: Danfo | undefined;

/** danfojs-node, loaded on first use (about a second) and mended. It shares this library's tfjs and leaves its backend alone. */
export function danfo(): Danfo {
  if (!loaded) {
    const library = require("danfojs-node") as Danfo;
    mendDanfo(library);
    loaded = library;
  }
  return loaded;
}

function rowsOf(data: Record<string, readonly unknown[]>, names: string[]): unknown[][] {
  const length = data[names[0]!]?.length ?? 0;
  for (const name of names) {
    const got = data[name]?.length;
    if (got !== length) throw new RangeError(expected(`frame column "${name}"`, `${length} values`, got));
  }
  return Array.from({ length }, (_, i) => names.map((name) => plainValue(data[name]![i])));
}

function plainValue(value: unknown): unknown {
  if (value === undefined || value === null || Number.isNaN(value)) return null;
  if (typeof value === "bigint") return Number(value);
  if (value instanceof Date) return value.toISOString();
  return typeof value === "object" ? JSON.stringify(value) : value;
}

function columnType(rows: unknown[][], column: number): string {
  const values = rows.map((row) => row[column]).filter((value) => value !== null);
  if (values.every((value) => typeof value === "number")) {
    return values.length === rows.length && values.every(Number.isInteger) ? "int32" : "float32";
  }
  return values.every((value) => typeof value === "boolean") ? "boolean" : "string";
}
