import { FormatError } from "../core/errors.js";
import type { FileSource } from "./source.js";

/** The rows of a parquet file as objects, read by byte range; of `select` only those columns that exist. int64 becomes number. */
export async function parquetRows(
  source: FileSource,
  path: string,
  unpacked: Uint8Array | null,
  select?: readonly string[],
): Promise<Record<string, unknown>[]> {
  const { parquetMetadataAsync, parquetReadObjects, parquetSchema } = await import("hyparquet");
  const { compressors } = await import("hyparquet-compressors");
  const slice = async (start: number, end?: number): Promise<ArrayBuffer> => {
    const bytes = unpacked ? unpacked.slice(start, end) : await source.readRange(path, start, end ?? byteLength);
    return bytes.byteLength === bytes.buffer.byteLength ? (bytes.buffer as ArrayBuffer) : bytes.slice().buffer;
  };
  const byteLength = unpacked ? unpacked.byteLength : await source.size(path);
  const file = { byteLength, slice };
  try {
    const metadata = await parquetMetadataAsync(file);
    const names = parquetSchema(metadata).children.map((column) => column.element.name);
    const columns = select ? names.filter((name) => select.includes(name)) : names;
    const rows = await parquetReadObjects({ file, metadata, columns, compressors });
    for (const row of rows) for (const name of columns) row[name] = withoutBigInt(row[name]);
    return rows;
  } catch (error) {
    throw new FormatError(`${path}: expected a parquet file, got an error: ${(error as Error).message}`);
  }
}

function withoutBigInt(value: unknown): unknown {
  if (typeof value === "bigint") return Number(value);
  if (Array.isArray(value)) return value.map(withoutBigInt);
  if (typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype) {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withoutBigInt(inner)]));
  }
  return value;
}
