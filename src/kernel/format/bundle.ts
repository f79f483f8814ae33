/** MIME bundles that cells and libraries make, checked and made ready for a message. */
import { Buffer } from "node:buffer";
import type { MimeData } from "../messages.js";

/**
 * `value` as a MIME bundle of JSON values: bytes become base64, lists of lines one text. An empty bundle shows nothing.
 * @throws TypeError for what is not an object whose keys are MIME types, and for cyclic content.
 */
export function toBundle(value: unknown): MimeData {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new TypeError(`MIME bundle: expected an object by MIME type, such as { "text/plain": "x" }, got ${describe(value)}`);
  }
  const entries = Object.entries(value).filter(([, content]) => content !== undefined && content !== null);
  const wrong = entries.find(([mime]) => !mime.includes("/"));
  if (wrong) throw new TypeError(`MIME bundle: expected keys such as "text/plain", got ${JSON.stringify(wrong[0])}`);
  return Object.fromEntries(entries.map(([mime, content]) => [mime, toContent(mime, content)]));
}

/** True where `toBundle` would take the keys. */
export function isBundle(value: unknown): boolean {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return Object.keys(value).every((key) => key.includes("/"));
}

/**
 * `value` as JSON: typed arrays become lists, whole numbers of any size numbers, functions are left out.
 * @throws TypeError for cyclic values.
 */
export function jsonValue(value: unknown): unknown {
  const text = JSON.stringify(value, replace);
  return text === undefined ? null : JSON.parse(text);
}

function toContent(mime: string, content: unknown): unknown {
  if (typeof content === "string") return content;
  if (content instanceof Uint8Array) return Buffer.from(content.buffer, content.byteOffset, content.byteLength).toString("base64");
  if (mime === "application/json" || mime.endsWith("+json")) return jsonValue(content);
  if (Array.isArray(content) && content.every((line) => typeof line === "string")) return content.join("");
  return typeof content === "object" ? jsonValue(content) : String(content);
}

/** `this` is the holder, so that a Buffer is seen before its own `toJSON` result. */
function replace(this: unknown, key: string, value: unknown): unknown {
  const original = (this as { [key: string]: unknown })[key];
  if (ArrayBuffer.isView(original) && !(original instanceof DataView))
    return Array.from(original as unknown as ArrayLike<unknown>, plainNumber);
  return plainNumber(value);
}

const plainNumber = (value: unknown): unknown => (typeof value === "bigint" ? Number(value) : value);

const describe = (value: unknown): string => (Array.isArray(value) ? "a list" : value === null ? "null" : `a ${typeof value}`);
