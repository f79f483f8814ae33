import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { expected, FormatError, shown } from "../core/errors.js";
import type { FileSource } from "../files/source.js";
import type { Row } from "../files/table.js";

/** Where a stream of records stands: the next one's file and number in it, both from 0, and the byte it begins at (0: not known). */
export type RecordPosition = { file: number; record: number; byte: number };

export type StreamedRecord = { row: Row; next: RecordPosition };

const START: RecordPosition = { file: 0, record: 0, byte: 0 };

/** Bytes read at once, and the longest line. */
const CHUNK = 2 ** 20;
const LONGEST_LINE = 2 ** 26;

/**
 * The records of files one after the other (.jsonl, .csv, .tsv, .parquet; all but parquet also with .gz) without ever holding one of them whole: a chunk
 * of text at a time, of parquet a row group. Goes on at `from`, which a .jsonl finds by its byte, a .parquet by its group, the others by reading past.
 * @throws FormatError that names file and record.
 */
export async function* recordStream(
  source: FileSource,
  paths: readonly string[],
  from: RecordPosition = START,
): AsyncGenerator<StreamedRecord, void, undefined> {
  for (let file = from.file; file < paths.length; file++) {
    const { record, byte } = file === from.file ? from : START;
    for await (const { row, number, end } of recordsOf(source, paths[file]!, record, byte))
      yield { row, next: { file, record: number + 1, byte: end } };
  }
}

/** A record, its number in the file, and the byte after it. */
type Numbered = { row: Row; number: number; end: number };

function recordsOf(source: FileSource, path: string, record: number, byte: number): AsyncGenerator<Numbered> {
  switch (/\.([a-z]+)(?:\.gz)?$/i.exec(path)?.[1]?.toLowerCase()) {
    case "jsonl":
      return jsonRecords(source, path, record, byte);
    case "csv":
      return cellRecords(source, path, record, {});
    case "tsv":
      return cellRecords(source, path, record, { delimiter: "\t", quote: null });
    case "parquet":
      return parquetRecords(source, path, record);
    default:
      throw new FormatError(expected(path, "a file ending in .jsonl, .csv, .tsv (or that with .gz) or .parquet", path));
  }
}

const isZipped = (path: string): boolean => path.toLowerCase().endsWith(".gz");

async function* chunks(source: FileSource, path: string, from: number): AsyncGenerator<Uint8Array> {
  const size = await source.size(path);
  for (let at = from; at < size; at += CHUNK) yield await source.readRange(path, at, Math.min(size, at + CHUNK));
}

/** The unpacked bytes of a file. Stopping early closes what was opened. */
async function* bytesOf(source: FileSource, path: string, from: number): AsyncGenerator<Uint8Array> {
  if (!isZipped(path)) return yield* chunks(source, path, from);
  const unzip = createGunzip();
  const fed = pipeline(Readable.from(chunks(source, path, 0), { objectMode: false }), unzip).catch(() => undefined); // the reader below sees it too
  try {
    for await (const chunk of unzip) yield chunk as Uint8Array;
  } catch (error) {
    throw new FormatError(`${path}: expected gzip data, got ${(error as Error).message}`);
  } finally {
    unzip.destroy();
    await fed;
  }
}

async function* jsonRecords(source: FileSource, path: string, record: number, byte: number): AsyncGenerator<Numbered> {
  const known = isZipped(path) ? 0 : byte;
  let number = known > 0 ? record : 0;
  for await (const { text, end } of linesOf(source, path, known)) {
    if (text.trim() === "") continue;
    if (number >= record) yield { row: parsed(text, path, number), number, end: isZipped(path) ? 0 : end };
    number++;
  }
}

async function* linesOf(source: FileSource, path: string, from: number): AsyncGenerator<{ text: string; end: number }> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const decoded = (bytes: Uint8Array): string => {
    try {
      return decoder.decode(bytes);
    } catch {
      throw new FormatError(`${path}: expected UTF-8 text, got other bytes. Save the file as UTF-8`);
    }
  };
  let rest: Uint8Array = new Uint8Array(0);
  let end = from;
  for await (const chunk of bytesOf(source, path, from)) {
    const bytes = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    let at = 0;
    for (let line = bytes.indexOf(10, rest.length); line >= 0; line = bytes.indexOf(10, at)) {
      end += line + 1 - at;
      yield { text: decoded(bytes.subarray(at, line)), end };
      at = line + 1;
    }
    rest = bytes.subarray(at);
    if (rest.length > LONGEST_LINE) throw new FormatError(expected(path, `lines of at most ${LONGEST_LINE} bytes`, "a longer one"));
  }
  if (rest.length > 0) yield { text: decoded(rest), end: end + rest.length };
}

function parsed(text: string, path: string, number: number): Row {
  let row: unknown;
  try {
    row = JSON.parse(text);
  } catch (error) {
    throw new FormatError(`${path} row ${number + 1}: expected one JSON object a line, got ${shown(text)} (${(error as Error).message})`);
  }
  if (typeof row === "object" && row !== null && !Array.isArray(row)) return row as Row;
  throw new FormatError(expected(`${path} row ${number + 1}`, "an object", row));
}

async function* cellRecords(
  source: FileSource,
  path: string,
  record: number,
  format: { delimiter?: string; quote?: null },
): AsyncGenerator<Numbered> {
  const { parse } = await import("csv-parse");
  const parser = parse({ bom: true, columns: true, skipEmptyLines: true, ...format });
  const fed = pipeline(Readable.from(bytesOf(source, path, 0), { objectMode: false }), parser).catch(() => undefined); // the reader below sees it too
  let number = 0;
  try {
    for await (const row of parser) {
      if (number >= record) yield { row: row as Row, number, end: 0 };
      number++;
    }
  } catch (error) {
    if (error instanceof FormatError) throw error;
    throw new FormatError(`${path}: expected cells as in the header, got an error: ${(error as Error).message}`);
  } finally {
    parser.destroy();
    await fed;
  }
}

async function* parquetRecords(source: FileSource, path: string, record: number): AsyncGenerator<Numbered> {
  const { parquetMetadataAsync, parquetReadObjects } = await import("hyparquet");
  const { compressors } = await import("hyparquet-compressors");
  const byteLength = await source.size(path);
  const slice = async (start: number, end = byteLength): Promise<ArrayBuffer> => {
    const { buffer, byteOffset, byteLength: size } = await source.readRange(path, start, end);
    return buffer.slice(byteOffset, byteOffset + size) as ArrayBuffer;
  };
  const file = { byteLength, slice };
  const failed = (error: unknown) => {
    throw new FormatError(`${path}: expected a parquet file, got an error: ${(error as Error).message}`);
  };
  const metadata = await parquetMetadataAsync(file).catch(failed);
  let first = 0;
  for (const group of metadata.row_groups) {
    const rowEnd = first + Number(group.num_rows);
    if (rowEnd > record) {
      const rowStart = Math.max(first, record);
      const rows = await parquetReadObjects({ file, metadata, compressors, rowStart, rowEnd }).catch(failed);
      for (const [i, row] of rows.entries()) yield { row: withoutBigInts(row), number: rowStart + i, end: 0 };
    }
    first = rowEnd;
  }
}

const withoutBigInts = (row: Row): Row =>
  Object.fromEntries(Object.entries(row).map(([name, value]) => [name, typeof value === "bigint" ? Number(value) : value]));
