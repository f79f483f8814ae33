import { open } from "node:fs/promises";
import { expected, FormatError } from "../core/errors.js";
import { checkInteger } from "../core/shapes.js";
import { type Entry, MAX_HEADER_BYTES, parseHeader } from "./safetensors-header.js";
import type { FileSource } from "./source.js";
import { DTYPE_BYTES, type Dtype, sizeOf, type TensorData } from "./tensor-data.js";
import { writeFileSafely } from "./write.js";

export { type Dtype, fromFloat32, type TensorData, toFloat32 } from "./tensor-data.js";
export type { Entry };

/** An open safetensors file: what it says of its tensors, and their data on demand. */
export type Safetensors = {
  metadata: Record<string, string>;
  /** By name, in the order of the header. */
  entries: Map<string, Entry>;
  /** Reads one tensor, and no other byte of the file; into memory of that size, if given. @throws RangeError for a name that is not there. */
  read(name: string, into?: Uint8Array): Promise<TensorData>;
};

/** A tensor to be written; a function as `data` is called when its turn comes, so that not all need be in memory at once. */
export type TensorToWrite = { dtype: Dtype; shape: number[]; data: Uint8Array | (() => Uint8Array | Promise<Uint8Array>) };

/**
 * Opens a safetensors file: reads its header only (two range reads) and checks it whole.
 * @throws FormatError for a file that breaks the format or uses a dtype that we do not read; NotFoundError where there is none.
 */
export async function openSafetensors(source: FileSource, path: string): Promise<Safetensors> {
  const fileSize = await source.size(path);
  if (fileSize < 8) throw new FormatError(expected(path, "a safetensors file, 8 bytes or more", fileSize));
  const prefix = await readExactly(source, path, 0, 8);
  const length = new DataView(prefix.buffer, prefix.byteOffset).getBigUint64(0, true); // may be beyond 2^53
  const most = Math.min(MAX_HEADER_BYTES, fileSize - 8);
  if (length > most) throw new FormatError(expected(path, `a safetensors header of at most ${most} bytes`, length));
  const { metadata, entries } = parseHeader(await readExactly(source, path, 8, 8 + Number(length)), fileSize, path);
  return {
    metadata,
    entries,
    async read(name, into) {
      const entry = entries.get(name);
      if (!entry) throw new RangeError(expected(path, `a tensor ${JSON.stringify(name)}`, `${entries.size} others`));
      const { dtype, shape, start, end } = entry;
      return { dtype, shape: [...shape], data: start === end ? new Uint8Array(0) : await readExactly(source, path, start, end, into) };
    },
  };
}

/**
 * Writes a safetensors file, byte for byte as Python's `safetensors` does: wide dtypes first, then by name, the header padded to 8
 * bytes. One tensor at a time goes to the disk; nothing is there under the name before all is. `metadata` defaults to what
 * transformers and PEFT ask for.
 * @throws RangeError for data that does not fit its shape, or a name that JSON cannot hold.
 */
export async function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, TensorToWrite>,
  metadata: Readonly<Record<string, string>> = { format: "pt" },
): Promise<void> {
  const ordered = [...tensors].sort(
    ([a, { dtype: da }], [b, { dtype: db }]) =>
      DTYPE_ORDER.indexOf(db) - DTYPE_ORDER.indexOf(da) || Buffer.compare(Buffer.from(a), Buffer.from(b)),
  );
  const header = headerOf(ordered, metadata);
  await writeFileSafely(path, async (temporary) => {
    const file = await open(temporary, "w");
    try {
      await file.writeFile(header);
      for (const [name, { data, dtype, shape }] of ordered) {
        const bytes = typeof data === "function" ? await data() : data;
        const wanted = sizeOf(shape) * DTYPE_BYTES[dtype];
        if (bytes.length !== wanted)
          throw new RangeError(expected(`tensor ${name} [${shape.join(", ")}] of ${dtype}`, `${wanted} bytes`, bytes.length));
        await file.writeFile(bytes); // goes on where the last one ended
      }
    } finally {
      await file.close();
    }
  });
}

/** As in the enumeration of `safetensors`, whose writer sorts by it, the last first. */
const DTYPE_ORDER: readonly Dtype[] = ["BOOL", "U8", "I8", "I16", "F16", "BF16", "I32", "F32", "F64", "I64"];

/** The length and the JSON. It is put together by hand: an object would move names like "7" to the front and swallow "__proto__". */
function headerOf(tensors: [string, TensorToWrite][], metadata: Readonly<Record<string, string>>): Uint8Array {
  const pairs = Object.entries(metadata).map(([key, text]) => `${quoted(key)}:${quoted(text)}`);
  const members = pairs.length ? [`"__metadata__":{${pairs.join(",")}}`] : [];
  let at = 0;
  for (const [name, { dtype, shape }] of tensors) {
    if (name === "__metadata__") throw new RangeError(expected("tensor name", "any but the one that the format keeps for itself", name));
    for (const size of shape) checkInteger(`tensor ${name}: size`, size, 0);
    const end = checkInteger(`tensor ${name}: end`, at + sizeOf(shape) * DTYPE_BYTES[dtype], at);
    members.push(`${quoted(name)}:{"dtype":"${dtype}","shape":[${shape.join(",")}],"data_offsets":[${at},${end}]}`);
    at = end;
  }
  const json = new TextEncoder().encode(`{${members.join(",")}}`);
  const padded = Math.ceil(json.length / 8) * 8;
  if (padded > MAX_HEADER_BYTES) throw new RangeError(expected("safetensors header", `at most ${MAX_HEADER_BYTES} bytes`, padded));
  const header = new Uint8Array(8 + padded).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(padded), true);
  header.set(json, 8);
  return header;
}

function quoted(text: string): string {
  if (/\p{Surrogate}/u.test(text)) throw new RangeError(expected("safetensors header", "names and texts of whole characters", text));
  return JSON.stringify(text);
}

async function readExactly(source: FileSource, path: string, start: number, end: number, into?: Uint8Array): Promise<Uint8Array> {
  const bytes = await source.readRange(path, start, end, into);
  if (bytes.length !== end - start) throw new FormatError(expected(path, `${end - start} bytes from ${start} on`, bytes.length));
  if (!into || bytes.buffer === into.buffer) return bytes;
  into.set(bytes);
  return into;
}
