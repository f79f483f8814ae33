import { createHash } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { FormatError, NotFoundError } from "../core/errors.js";
import { fromFloat32, openSafetensors, toFloat32, writeSafetensors } from "../files/safetensors.js";
import { folderSource } from "../files/source.js";

/** Vectors of texts that were computed before. Texts themselves are not kept, only their hashes: they may be about people. */
export type EmbeddingCache = {
  find(text: string): Float32Array | undefined;
  add(text: string, vector: Float32Array): void;
  /** Writes what was added since, joined with what others wrote meanwhile; nothing where nothing was added. */
  save(): Promise<void>;
};

/** All that a vector depends on beside its text. */
export type EmbeddingKey = Record<string, string>;

const HASH_BYTES = 16;

/**
 * Opens the cache file of one key in `folder`: safetensors with `hashes` `[n, 16]` U8 and `vectors` `[n, hidden]` F32, the key as metadata.
 * A file that is damaged counts as empty and is written anew.
 */
export async function openEmbeddingCache(folder: string, key: EmbeddingKey, hidden: number): Promise<EmbeddingCache> {
  await mkdir(folder, { recursive: true });
  const file = `embeddings-${hashOf(JSON.stringify(Object.entries(key).sort()))}.safetensors`;
  const known = await readVectors(folder, file, hidden);
  let fresh = 0;
  return {
    find: (text) => known.get(hashOf(text)),
    add(text, vector) {
      known.set(hashOf(text), vector);
      fresh++;
    },
    async save() {
      if (fresh === 0) return;
      for (const [hash, vector] of await readVectors(folder, file, hidden)) if (!known.has(hash)) known.set(hash, vector);
      const vectors = new Float32Array(known.size * hidden);
      [...known.values()].forEach((vector, i) => {
        vectors.set(vector, i * hidden);
      });
      const hashes = new Uint8Array(Buffer.from([...known.keys()].join(""), "hex"));
      const tensors = new Map([
        ["hashes", { dtype: "U8" as const, shape: [known.size, HASH_BYTES], data: hashes }],
        ["vectors", fromFloat32(vectors, [known.size, hidden], "F32")],
      ]);
      await writeSafetensors(join(folder, file), tensors, key);
      fresh = 0;
    },
  };
}

const hashOf = (text: string): string =>
  createHash("sha256")
    .update(text)
    .digest("hex")
    .slice(0, 2 * HASH_BYTES);

async function readVectors(folder: string, path: string, hidden: number): Promise<Map<string, Float32Array>> {
  const found = new Map<string, Float32Array>();
  try {
    const file = await openSafetensors(folderSource(folder), path);
    const [hashes, vectors] = [await file.read("hashes"), await file.read("vectors")];
    const [rows = 0, width] = vectors.shape;
    if (width !== hidden || hashes.shape.join() !== `${rows},${HASH_BYTES}`) return found;
    const values = toFloat32(vectors);
    const hex = Buffer.from(hashes.data).toString("hex");
    for (let i = 0; i < rows; i++)
      found.set(hex.slice(2 * HASH_BYTES * i, 2 * HASH_BYTES * (i + 1)), values.subarray(i * hidden, (i + 1) * hidden));
  } catch (error) {
    if (!(error instanceof FormatError || error instanceof NotFoundError || error instanceof RangeError)) throw error;
    found.clear();
  }
  return found;
}
