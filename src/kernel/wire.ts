/** Jupyter's messages on the wire: `identities, <IDS|MSG>, signature, header, parent, metadata, content, buffers...`, signed with HMAC-SHA256. */
import { createHmac, randomUUID, timingSafeEqual } from "node:crypto";

export const PROTOCOL_VERSION = "5.4";

export type Header = { msg_id: string; session: string; username: string; date: string; msg_type: string; version: string };

export type Message = {
  /** Where a router found it, and sends the answer. */
  identities: Buffer[];
  header: Header;
  /** The request's header; empty where nothing was asked. */
  parent: Partial<Header>;
  metadata: { [name: string]: unknown };
  content: { [name: string]: unknown };
  buffers: Buffer[];
};

/** A message that must not be believed: its shape or its signature is wrong. */
export class WireError extends Error {
  override name = "WireError";
}

const DELIMITER = Buffer.from("<IDS|MSG>");
const PARTS = ["header", "parent header", "metadata", "content"] as const;

/** Frames of a message. `content` must survive JSON; a big integer becomes a string. @throws TypeError on a cycle. */
export function encodeMessage(message: Message, key: string): (Buffer | string)[] {
  const parts = [message.header, message.parent, message.metadata, message.content].map(json);
  return [...message.identities, DELIMITER, sign(parts, key), ...parts, ...message.buffers];
}

/** Reads and verifies a message; an empty `key` means that nothing is signed. @throws WireError */
export function decodeMessage(frames: Buffer[], key: string): Message {
  const delimiter = frames.findIndex((frame) => frame.equals(DELIMITER));
  if (delimiter < 0) throw new WireError(`message: expected the frame <IDS|MSG>, got ${frames.length} frames without it`);
  const [signature, ...parts] = frames.slice(delimiter + 1, delimiter + 6);
  if (!signature || parts.length < PARTS.length) {
    throw new WireError(`message: expected 5 frames after <IDS|MSG>, got ${frames.length - delimiter - 1}`);
  }
  if (key && !same(signature, Buffer.from(sign(parts, key)))) throw new WireError("message: expected a right signature, got a wrong one");
  const [header, parent, metadata, content] = parts.map((part, i) => parse(part, PARTS[i]!));
  for (const name of ["msg_id", "msg_type"] as const) {
    if (typeof header![name] !== "string") throw new WireError(`message header: expected a string ${name}, got ${typeof header![name]}`);
  }
  return {
    identities: frames.slice(0, delimiter),
    header: header as Header,
    parent: parent as Partial<Header>,
    metadata: metadata!,
    content: content!,
    buffers: frames.slice(delimiter + 6),
  };
}

/** The signature frame of received frames: what tells one message from a repetition of it. Empty where nothing is signed. */
export function signatureOf(frames: Buffer[]): string {
  const delimiter = frames.findIndex((frame) => frame.equals(DELIMITER));
  return frames[delimiter + 1]?.toString("latin1") ?? "";
}

export function newHeader(type: string, session: string): Header {
  return { msg_id: randomUUID(), session, username: "kernel", date: new Date().toISOString(), msg_type: type, version: PROTOCOL_VERSION };
}

function sign(parts: readonly (string | Buffer)[], key: string): string {
  if (!key) return "";
  const hmac = createHmac("sha256", key);
  for (const part of parts) hmac.update(part);
  return hmac.digest("hex");
}

function same(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

const LONE_SURROGATE = /\\ud[89a-f]/i;

/** JSON that every reader can decode: half a surrogate pair, which UTF-8 cannot carry, becomes U+FFFD. */
function json(value: unknown): string {
  const text = stringify(value);
  if (!LONE_SURROGATE.test(text)) return text;
  return JSON.stringify(JSON.parse(text), (_, item: unknown) => (typeof item === "string" ? Buffer.from(item).toString() : item));
}

function stringify(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch {
    return JSON.stringify(value, (_, item: unknown) => (typeof item === "bigint" ? String(item) : item));
  }
}

function parse(frame: Buffer, name: string): { [name: string]: unknown } {
  let value: unknown;
  try {
    value = JSON.parse(frame.toString("utf8"));
  } catch {
    throw new WireError(`message ${name}: expected JSON, got ${JSON.stringify(frame.toString("utf8", 0, 40))}`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new WireError(`message ${name}: expected an object, got ${Array.isArray(value) ? "an array" : String(value).slice(0, 40)}`);
  }
  return value as { [name: string]: unknown };
}
