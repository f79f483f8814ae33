/** Bytes that are an image, known by how they begin. */
import { Buffer } from "node:buffer";
import type { MimeData } from "../messages.js";
import { count } from "./text.js";

/** Larger images stay bytes: a front end would choke on them. */
const MOST_BYTES = 32 << 20;

export function formatImage(value: object): MimeData | undefined {
  if (!(value instanceof Uint8Array) || value.length < 24 || value.length > MOST_BYTES) return undefined;
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  const kind = imageKind(bytes);
  if (!kind) return undefined;
  const size = kind.size && ` ${kind.size[0]} × ${kind.size[1]},`;
  return {
    [`image/${kind.name}`]: bytes.toString("base64"),
    "text/plain": `${kind.name.toUpperCase()} image,${size ?? ""} ${count(bytes.length)} bytes`,
  };
}

type ImageKind = { name: "png" | "jpeg" | "gif" | "webp"; size?: [width: number, height: number] };

function imageKind(bytes: Buffer): ImageKind | undefined {
  const start = bytes.toString("latin1", 0, 16);
  if (start.startsWith("\x89PNG\r\n\x1a\n")) return { name: "png", size: [bytes.readUInt32BE(16), bytes.readUInt32BE(20)] };
  if (/^GIF8[79]a/.test(start)) return { name: "gif", size: [bytes.readUInt16LE(6), bytes.readUInt16LE(8)] };
  if (start.startsWith("RIFF") && start.slice(8, 12) === "WEBP") return { name: "webp" };
  return /^\xff\xd8\xff[\xc0-\xfe]/.test(start) ? { name: "jpeg" } : undefined;
}
