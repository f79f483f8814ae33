import { expected, FormatError } from "../core/errors.js";
import { DTYPE_BYTES, type Dtype, sizeOf } from "./tensor-data.js";

/** Where a tensor lies: bytes `[start, end)` of the file. */
export type Entry = { dtype: Dtype; shape: number[]; start: number; end: number };

export type Header = { metadata: Record<string, string>; entries: Map<string, Entry> };

/** What the format allows, in bytes (safetensors, `tensor.rs`, `MAX_HEADER_SIZE`). */
export const MAX_HEADER_BYTES = 100_000_000;

/** More tensors than any real model has in one file, and few enough to check in a second. */
const MAX_MEMBERS = 100_000;
const MAX_RANK = 64;

/**
 * Reads a safetensors header by the rules of the format, and stricter where it leaves two readings open: no name twice, no unknown
 * field, no number beyond 2^53. The tensors cover the data without gap or overlap, to the end of the file.
 * `bytes` is the JSON; it ends at byte `8 + bytes.length` of a file of `fileSize` bytes. `file` names it in errors.
 * @throws FormatError
 */
export function parseHeader(bytes: Uint8Array, fileSize: number, file: string): Header {
  const members = scan(decode(bytes, file), file);
  const metadata = readMetadata(members.get("__metadata__"), file);
  members.delete("__metadata__");
  const dataStart = 8 + bytes.length;
  const entries = new Map<string, Entry>();
  for (const [name, value] of members) entries.set(name, readEntry(value, dataStart, `${file}: tensor ${shortened(name)}`));
  let at = dataStart;
  for (const [name, { start, end }] of [...entries].sort(([, a], [, b]) => a.start - b.start || a.end - b.end)) {
    if (start !== at)
      throw new FormatError(expected(`${file}: tensor ${shortened(name)}`, `data from byte ${at} on, no gap, no overlap`, start));
    at = end;
  }
  if (at !== fileSize)
    throw new FormatError(expected(file, `${at} bytes`, fileSize, "The file is cut short or has something after its data"));
  return { metadata, entries };
}

function readMetadata(value: Json | undefined, file: string): Record<string, string> {
  const metadata: Record<string, string> = Object.create(null); // "__proto__" is a name like any other
  if (value === undefined) return metadata;
  if (!(value instanceof Map)) throw new FormatError(expected(`${file}: __metadata__`, "an object", kindOf(value)));
  for (const [key, text] of value) {
    if (typeof text !== "string") throw new FormatError(expected(`${file}: __metadata__ ${shortened(key)}`, "a string", kindOf(text)));
    metadata[key] = text;
  }
  return metadata;
}

function readEntry(value: Json, dataStart: number, thing: string): Entry {
  if (!(value instanceof Map) || value.size !== 3) {
    throw new FormatError(expected(thing, "an object of dtype, shape and data_offsets", kindOf(value)));
  }
  const dtype = value.get("dtype");
  if (typeof dtype !== "string" || !Object.hasOwn(DTYPE_BYTES, dtype)) {
    throw new FormatError(
      expected(`${thing}: dtype`, `one of ${Object.keys(DTYPE_BYTES).join(", ")}`, typeof dtype === "string" ? dtype : kindOf(dtype)),
    );
  }
  const shape = wholeNumbers(value.get("shape"), `${thing}: shape`);
  const offsets = wholeNumbers(value.get("data_offsets"), `${thing}: data_offsets`);
  const [begin, end] = offsets;
  if (begin === undefined || end === undefined || offsets.length !== 2 || end < begin) {
    throw new FormatError(expected(`${thing}: data_offsets`, "[begin, end]", offsets));
  }
  // Products beyond 2^53 are not exact, but stay beyond it unless a later size is 0.
  let bytes: number = DTYPE_BYTES[dtype as Dtype];
  for (const size of shape) {
    bytes *= size;
    if (!Number.isSafeInteger(bytes)) throw new FormatError(expected(`${thing}: shape`, "less than 2^53 bytes", shape));
  }
  if (bytes !== end - begin) throw new FormatError(expected(thing, `${sizeOf(shape)} values of ${dtype}, ${bytes} bytes`, end - begin));
  return { dtype: dtype as Dtype, shape, start: dataStart + begin, end: dataStart + end };
}

function wholeNumbers(value: Json | undefined, thing: string): number[] {
  if (Array.isArray(value) && value.every((item) => typeof item === "number")) return value;
  throw new FormatError(expected(thing, "an array of whole numbers", kindOf(value)));
}

/** The JSON that a header can hold: neither fractions nor true, false and null. */
type Json = string | number | Json[] | Map<string, Json>;

/** Reads the JSON text of an object, with maps for objects: unlike JSON.parse, it refuses a name that comes twice and rounds nothing. */
function scan(text: string, file: string): Map<string, Json> {
  let at = 0;
  const skipSpace = () => {
    while (isSpace(text.charCodeAt(at))) at++;
  };
  const wrong = (what: string) => {
    const got = at < text.length ? text.slice(at, at + 20) : "its end";
    return new FormatError(expected(`${file}: header, character ${at}`, what, got));
  };
  const take = (mark: string) => {
    skipSpace();
    if (text[at] !== mark) throw wrong(`"${mark}"`);
    at++;
  };
  const takeIf = (mark: string) => {
    skipSpace();
    if (text[at] !== mark) return false;
    at++;
    return true;
  };

  function string(): string {
    skipSpace();
    const start = at;
    if (text.charCodeAt(at) !== QUOTE) throw wrong("a string");
    let isPlain = true;
    for (at++; text.charCodeAt(at) !== QUOTE; at++) {
      if (at >= text.length) throw wrong("the end of a string");
      const code = text.charCodeAt(at);
      if (code < 32) throw wrong("a character that is legal in a string");
      if (code !== BACKSLASH) continue;
      isPlain = false;
      at++;
    }
    const token = text.slice(start, ++at);
    return isPlain ? token.slice(1, -1) : unescaped(token, start);
  }

  function unescaped(token: string, start: number): string {
    try {
      const value = JSON.parse(token) as string;
      if (!/\p{Surrogate}/u.test(value)) return value;
    } catch {
      // it is not JSON
    }
    at = start;
    throw wrong("a string with legal escapes and no half surrogate pairs");
  }

  function wholeNumber(): number {
    const start = at;
    while (isDigit(text.charCodeAt(at))) at++;
    const digits = text.slice(start, at);
    const value = Number(digits);
    if (digits && (digits === "0" || digits[0] !== "0") && !/[.eE]/.test(text[at] ?? "") && Number.isSafeInteger(value)) return value;
    at = start;
    throw wrong("a whole number from 0 to 2^53 - 1");
  }

  function array(): Json[] {
    const items: Json[] = [];
    take("[");
    if (takeIf("]")) return items;
    do {
      if (items.length === MAX_RANK) throw wrong(`at most ${MAX_RANK} numbers in an array`);
      skipSpace();
      items.push(wholeNumber());
    } while (takeIf(","));
    take("]");
    return items;
  }

  function object(depth: number): Map<string, Json> {
    const members = new Map<string, Json>();
    take("{");
    if (takeIf("}")) return members;
    do {
      if (members.size === MAX_MEMBERS) throw wrong(`at most ${MAX_MEMBERS} members in an object`);
      const name = string();
      if (members.has(name)) throw new FormatError(expected(`${file}: header`, "each name once", name));
      take(":");
      members.set(name, value(depth));
    } while (takeIf(","));
    take("}");
    return members;
  }

  function value(depth: number): Json {
    skipSpace();
    if (text[at] === '"') return string();
    if (text[at] === "[") return array();
    if (text[at] === "{" && depth === 0) return object(1);
    return wholeNumber();
  }

  const result = object(0);
  skipSpace();
  if (at < text.length) throw wrong("nothing after the object");
  return result;
}

const QUOTE = 34;
const BACKSLASH = 92;
const isSpace = (code: number): boolean => code === 32 || code === 9 || code === 10 || code === 13;
const isDigit = (code: number): boolean => code >= 48 && code <= 57;

function decode(bytes: Uint8Array, file: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new FormatError(expected(`${file}: header`, "UTF-8 text", `${bytes.length} other bytes`));
  }
}

const kindOf = (value: Json | undefined): string => {
  if (value instanceof Map) return `an object of ${[...value.keys()].slice(0, 5).map(shortened).join(", ") || "nothing"}`;
  return Array.isArray(value) ? "an array" : value === undefined ? "nothing" : `a ${typeof value}`;
};

const shortened = (name: string): string => JSON.stringify(name.length > 80 ? `${name.slice(0, 77)}...` : name);
