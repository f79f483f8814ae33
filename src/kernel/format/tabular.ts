/** Tables of danfo and arquero, and lists of flat objects, known by what they can do. */
import type { MimeData } from "../messages.js";
import { isPlainObject } from "./plain-object.js";
import { TABLE_LIMITS, type TableContent, tableBundle } from "./table.js";
import type { FormatOptions } from "./value.js";

export function formatTabular(value: object, { tables = false }: FormatOptions): MimeData | undefined {
  const content = danfoContent(value) ?? arqueroContent(value) ?? (tables ? rowsContent(value) : undefined);
  return content && tableBundle(content);
}

/** danfo keeps a series' values flat and a frame's by row. */
type DanfoData = { $isSeries: boolean; columns: unknown[]; index: unknown[]; dtypes: string[]; values: unknown[]; shape: number[] };

function danfoContent(value: object): TableContent | undefined {
  const data = value as Partial<DanfoData>;
  if (typeof data.$isSeries !== "boolean" || !Array.isArray(data.columns) || !Array.isArray(data.index)) return undefined;
  const { $isSeries: flat, columns, index, dtypes, values } = data as DanfoData;
  const rows = values.slice(0, TABLE_LIMITS.rows).map((row) => (flat ? [row] : (row as unknown[]).slice(0, TABLE_LIMITS.columns)));
  return {
    columns: columns.slice(0, TABLE_LIMITS.columns).map((name, j) => ({ name: String(name), type: String(dtypes[j] ?? "") })),
    rows,
    index: index.slice(0, TABLE_LIMITS.rows),
    size: { rows: values.length, columns: columns.length },
  };
}

type ArqueroTable = {
  numRows(): number;
  numCols(): number;
  columnNames(): string[];
  objects(options: { limit: number; columns: string[] }): { [name: string]: unknown }[];
};

function arqueroContent(value: object): TableContent | undefined {
  const table = value as Partial<ArqueroTable>;
  if (![table.numRows, table.numCols, table.columnNames, table.objects].every((method) => typeof method === "function")) return undefined;
  const { rows: limit, columns: most } = TABLE_LIMITS;
  const names = table.columnNames!().slice(0, most);
  const objects = table.objects!({ limit, columns: names });
  const rows = objects.map((row) => names.map((name) => row[name]));
  return {
    columns: columnsOf(names, rows),
    rows,
    index: rows.map((_, i) => i),
    size: { rows: table.numRows!(), columns: table.numCols!() },
  };
}

/** Rows that are looked at before a list counts as a table. */
const CHECKED = 1000;

function rowsContent(value: object): TableContent | undefined {
  if (!Array.isArray(value) || !value.length) return undefined;
  const checked = value.slice(0, CHECKED) as unknown[];
  if (!checked.every(isFlatObject)) return undefined;
  const all = new Set(checked.flatMap((row) => Object.keys(row)));
  if (!all.size) return undefined;
  const names = [...all].slice(0, TABLE_LIMITS.columns);
  const rows = checked.slice(0, TABLE_LIMITS.rows).map((row) => names.map((name) => (Object.hasOwn(row, name) ? row[name] : undefined)));
  return { columns: columnsOf(names, rows), rows, index: rows.map((_, i) => i), size: { rows: value.length, columns: all.size } };
}

const isFlatObject = (row: unknown): row is { [name: string]: unknown } =>
  isPlainObject(row) &&
  Object.values(row).every((cell) => cell === null || cell instanceof Date || !["object", "function"].includes(typeof cell));

function columnsOf(names: string[], rows: unknown[][]): TableContent["columns"] {
  return names.map((name, j) => {
    const found = new Set(
      rows
        .map((row) => row[j])
        .filter((cell) => cell !== null && cell !== undefined)
        .map(typeOf),
    );
    return { name, type: [...found].join(" or ") };
  });
}

const typeOf = (value: unknown): string => (typeof value === "object" ? (value?.constructor?.name ?? "object") : typeof value);
