import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { writeFileSafely } from "../files/write.js";
import type { Packed, PackedRow } from "./pack.js";

/*
 * A file of packed rows: 8 bytes of mark, the header's size in bytes (u32), the header (JSON, padded with spaces so that the body is aligned), the body.
 * Body, little-endian: ids, segments and positions `[rows, length]` int32; how many sequences are in each row `[rows]` int32; their numbers, row after
 * row, int32; targets `[rows, length]` uint8.
 */
const MARK = "eqrows01";
const START = MARK.length + 4;

type Header = Omit<Packed, "rows"> & { key: string; rows: number; length: number; members: number; sha256: string };

/** What a file holds for `key`, or what is wrong with it; neither where there is no file. */
export type FoundRows = { packed: Packed | null; damaged: string | null };

/** Writes rows of one length, whole or not at all. */
export async function writeRows(path: string, { rows, ...counts }: Packed, key: string): Promise<void> {
  const length = rows[0]?.ids.length ?? 0;
  const members = rows.reduce((sum, { sequences }) => sum + sequences.length, 0);
  const places = placesIn(new ArrayBuffer(bodyBytes(rows.length, length, members)), rows.length, length, members);
  let member = 0;
  rows.forEach(({ ids, targets, segments, positions, sequences }, i) => {
    places.ids.set(ids, i * length);
    places.segments.set(segments, i * length);
    places.positions.set(positions, i * length);
    places.targets.set(targets, i * length);
    places.counts[i] = sequences.length;
    places.members.set(sequences, member);
    member += sequences.length;
  });
  const body = new Uint8Array(places.ids.buffer);
  const about = { ...counts, key, rows: rows.length, length, members };
  const json = JSON.stringify({ ...about, sha256: digest(about, body) } satisfies Header);
  const size = Math.ceil((START + json.length) / 4) * 4 - START;
  const start = Buffer.alloc(START + size, " ");
  start.write(MARK, "latin1");
  start.writeUInt32LE(size, MARK.length);
  start.write(json, START, "latin1"); // numbers and hex digits only
  await writeFileSafely(path, Buffer.concat([start, body]));
}

/** Reads what `writeRows` wrote, checked whole; the rows are views of one piece of memory. */
export async function readRows(path: string, key: string): Promise<FoundRows> {
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw error;
  });
  if (bytes === null) return { packed: null, damaged: null };
  const damaged = (what: string): FoundRows => ({ packed: null, damaged: `${path}: ${what}; it was made anew` });
  if (bytes.length < START || bytes.toString("latin1", 0, MARK.length) !== MARK)
    return damaged("expected a file of packed rows, got another");
  const at = START + bytes.readUInt32LE(MARK.length);
  const header = headerOf(bytes.subarray(START, at));
  if (header?.key !== key) return damaged("expected the header of these rows, got another");
  const { sha256, ...about } = header;
  const { key: _, rows, length, members, ...counts } = about;
  const wanted = bodyBytes(rows, length, members);
  const body = new Uint8Array(bytes.subarray(at)); // aligned, in memory of its own
  if (body.length !== wanted) return damaged(`expected ${wanted} bytes of rows, got ${body.length}`);
  if (digest(about, body) !== sha256) return damaged("expected the bytes that were written, got others");
  return { packed: { rows: viewsOf(body.buffer, rows, length, members), ...counts }, damaged: null };
}

function headerOf(bytes: Uint8Array): Header | null {
  try {
    return JSON.parse(Buffer.from(bytes).toString("latin1")) as Header;
  } catch {
    return null;
  }
}

const bodyBytes = (rows: number, length: number, members: number): number => 4 * (3 * rows * length + rows + members) + rows * length;

const digest = (about: Omit<Header, "sha256">, body: Uint8Array): string =>
  createHash("sha256").update(JSON.stringify(about)).update(body).digest("hex");

function placesIn(buffer: ArrayBuffer, rows: number, length: number, members: number) {
  let at = 0;
  const next = (count: number): Int32Array => {
    const part = new Int32Array(buffer, at, count);
    at += part.byteLength;
    return part;
  };
  const [ids, segments, positions] = [next(rows * length), next(rows * length), next(rows * length)] as const;
  const [counts, numbers] = [next(rows), next(members)] as const;
  return { ids, segments, positions, counts, members: numbers, targets: new Uint8Array(buffer, at, rows * length) };
}

function viewsOf(buffer: ArrayBuffer, rows: number, length: number, total: number): PackedRow[] {
  const { ids, segments, positions, targets, counts, members } = placesIn(buffer, rows, length, total);
  let member = 0;
  return Array.from({ length: rows }, (_, i) => {
    const [from, to] = [i * length, (i + 1) * length];
    const sequences = Array.from(members.subarray(member, member + counts[i]!));
    member += counts[i]!;
    return {
      ids: ids.subarray(from, to),
      targets: targets.subarray(from, to),
      segments: segments.subarray(from, to),
      positions: positions.subarray(from, to),
      sequences,
    };
  });
}
