import * as zlib from "node:zlib";
import { expected, FormatError } from "../core/errors.js";

/** The check sum of zip files. It is in every Node that we support, but not yet in the types of Node 20. */
const crc32 = (zlib as unknown as { crc32(data: Uint8Array): number }).crc32;

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const END64 = 0x06064b50;
const LOCATOR64 = 0x07064b50;
const UTF8 = 0x800;
const DESCRIPTOR = 0x8; // sizes stand behind the data
const NOT_HERE = 0xffffffff; // in a local header: the sizes stand elsewhere
/** Where PyTorch lets the data of an entry begin, so that it can be mapped into memory, and its field for the padding before it. */
const ALIGNMENT = 64;
const PADDING_FIELD = 0x4246;

/**
 * Reads a zip file whose entries are all stored, as PyTorch writes it: names to views of `bytes`. It is read by its directory, and
 * refused wherever another reader might see something else: entries that overlap, names that differ or come twice, wrong check sums,
 * a comment, anything else between directory and end. `file` names it in errors.
 * @throws FormatError, also for a compressed or encrypted entry and for the 64-bit form that more than 4 GiB need.
 */
export function readStoredZip(bytes: Uint8Array, file: string): Map<string, Uint8Array> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = bytes.length - 22;
  if (end < 0 || view.getUint32(end, true) !== END || view.getUint16(end + 20, true) !== 0) {
    throw new FormatError(expected(file, "a zip file that ends with its directory", `${bytes.length} bytes of something else`));
  }
  const count = view.getUint16(end + 10, true);
  const size = view.getUint32(end + 12, true);
  const start = view.getUint32(end + 16, true);
  if (view.getUint32(end + 4, true) !== 0 || view.getUint16(end + 8, true) !== count || count === 0xffff || start === NOT_HERE) {
    throw new FormatError(expected(file, "one zip file below 4 GiB", "parts, or the 64-bit form", "Save large states as safetensors"));
  }
  checkBetween(view, start + size, end, { count, size, start }, file);

  const entries = new Map<string, Uint8Array>();
  const spans: { name: string; from: number; to: number }[] = [];
  let at = start;
  for (let i = 0; i < count; i++) {
    const entry = readEntry(view, at, start + size, `${file}: zip entry ${i}`);
    const thing = `${file}: zip entry ${entry.name}`;
    const data = dataOf(view, entry, start, thing);
    if (entries.has(entry.name)) throw new FormatError(expected(file, "each zip entry once", entry.name));
    if (crc32(data) !== entry.crc) throw new FormatError(expected(thing, `check sum ${entry.crc}`, crc32(data), "The file is damaged"));
    entries.set(entry.name, data);
    spans.push({ name: entry.name, from: entry.local, to: data.byteOffset - bytes.byteOffset + data.length });
    at = entry.next;
  }
  if (at !== start + size) throw new FormatError(expected(file, `a zip directory of ${size} bytes`, at - start));
  let free = 0;
  for (const { name, from, to } of spans.sort((a, b) => a.from - b.from)) {
    if (from < free) throw new FormatError(expected(`${file}: zip entry ${name}`, `a place from byte ${free} on, apart from others`, from));
    free = to;
  }
  return entries;
}

/** The pieces of a zip file that stores these entries; each entry's data begins at a multiple of 64 bytes. @throws RangeError beyond 4 GiB. */
export function* storedZip(entries: Iterable<readonly [name: string, data: Uint8Array]>): Generator<Uint8Array> {
  const directory: Uint8Array[] = [];
  let at = 0;
  for (const [name, data] of entries) {
    const text = new TextEncoder().encode(name);
    const padding = 4 + ((2 * ALIGNMENT - ((at + 30 + text.length + 4) % ALIGNMENT)) % ALIGNMENT);
    const shared = [...u16(0, UTF8, 0, 0, 0), ...u32(crc32(data), data.length, data.length), ...u16(text.length)];
    const local = Uint8Array.of(...u32(LOCAL), ...shared, ...u16(padding), ...text, ...u16(PADDING_FIELD, padding - 4));
    directory.push(Uint8Array.of(...u32(CENTRAL), ...u16(0), ...shared, ...u16(0, 0, 0, 0), ...u32(0, at), ...text));
    const before = new Uint8Array(local.length + padding - 4).fill(0x5a);
    before.set(local);
    yield before;
    yield data;
    at += before.length + data.length;
    if (at >= NOT_HERE) throw new RangeError(expected(".pt file", "less than 4 GiB", at, "Save large states as safetensors"));
  }
  yield* directory;
  const size = directory.reduce((sum, { length }) => sum + length, 0);
  yield Uint8Array.of(...u32(END), ...u16(0, 0, directory.length, directory.length), ...u32(size, at), ...u16(0));
}

const u16 = (...values: number[]) => values.flatMap((value) => [value & 255, value >>> 8]);
const u32 = (...values: number[]) => values.flatMap((value) => [value & 255, (value >>> 8) & 255, (value >>> 16) & 255, value >>> 24]);

/** Between directory and end there may be the 64-bit end that PyTorch always writes, if it says the same, and nothing else. */
function checkBetween(view: DataView, from: number, end: number, said: { count: number; size: number; start: number }, file: string): void {
  const big = (at: number) => view.getBigUint64(from + at, true);
  const agrees = () =>
    view.getUint32(from, true) === END64 &&
    big(4) === 44n &&
    big(32) === BigInt(said.count) &&
    big(40) === BigInt(said.size) &&
    big(48) === BigInt(said.start) &&
    view.getUint32(from + 56, true) === LOCATOR64 &&
    big(64) === BigInt(from);
  if (from === end || (from === end - 76 && agrees())) return;
  throw new FormatError(expected(file, "a zip directory that reaches to its end", `${end - from} bytes between`));
}

type ZipEntry = { name: string; flags: number; crc: number; size: number; local: number; next: number };

function readEntry(view: DataView, at: number, end: number, thing: string): ZipEntry {
  if (at + 46 > end || view.getUint32(at, true) !== CENTRAL) throw new FormatError(expected(thing, "an entry of the directory", "none"));
  const nameEnd = at + 46 + view.getUint16(at + 28, true);
  const next = nameEnd + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
  if (next > end) throw new FormatError(expected(thing, "an entry inside the directory", "one that reaches out of it"));
  const name = readName(view, at + 46, nameEnd, thing);
  const flags = view.getUint16(at + 8, true);
  const size = view.getUint32(at + 24, true);
  if (
    view.getUint16(at + 10, true) !== 0 ||
    view.getUint32(at + 20, true) !== size ||
    size === NOT_HERE ||
    (flags & ~(UTF8 | DESCRIPTOR)) !== 0
  ) {
    const got = `method ${view.getUint16(at + 10, true)}, flags ${flags}`;
    throw new FormatError(expected(`${thing}, ${name}`, "a stored entry, below 4 GiB, not compressed nor encrypted", got));
  }
  return { name, flags, crc: view.getUint32(at + 16, true), size, local: view.getUint32(at + 42, true), next };
}

function dataOf(view: DataView, { name, flags, crc, size, local }: ZipEntry, end: number, thing: string): Uint8Array {
  const differs = () => new FormatError(expected(thing, "the same in its own header as in the directory", "something else"));
  if (local + 30 > end || view.getUint32(local, true) !== LOCAL) throw differs();
  const nameEnd = local + 30 + view.getUint16(local + 26, true);
  const start = nameEnd + view.getUint16(local + 28, true);
  if (start + size > end) throw new FormatError(expected(thing, `${size} bytes before the directory`, end - start));
  const sizesAgree = [local + 18, local + 22].every((at) => [size, NOT_HERE].includes(view.getUint32(at, true)));
  const same =
    view.getUint16(local + 6, true) === flags &&
    view.getUint16(local + 8, true) === 0 &&
    readName(view, local + 30, nameEnd, thing) === name &&
    ((flags & DESCRIPTOR) !== 0 || (sizesAgree && view.getUint32(local + 14, true) === crc));
  if (!same) throw differs();
  return new Uint8Array(view.buffer, view.byteOffset + start, size);
}

function readName(view: DataView, start: number, end: number, thing: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(
      new Uint8Array(view.buffer, view.byteOffset + start, end - start),
    );
  } catch {
    throw new FormatError(expected(thing, "a name in UTF-8", "other bytes"));
  }
}
