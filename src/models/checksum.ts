import { createHash } from "node:crypto";
import { type Tensor1D, tf } from "../core/tf.js";
import type { Adapter, CausalLM } from "./model.js";

/** Values of each weight that its checksum sees. Training and merging change a weight as a whole. */
const SAMPLE = 16;

/** 16 hex digits that change with a model's configuration, its weights' shapes or the first values of any of its weights; not with where it lies. */
export async function weightsChecksum({ config: { raw: _, ...config }, weights }: CausalLM): Promise<string> {
  const ordered = [...weights].sort(([a], [b]) => (a < b ? -1 : 1));
  const sample = tf.tidy(() =>
    tf.concat(ordered.map(([, weight]) => weight.reshape([-1]).slice([0], [Math.min(SAMPLE, weight.size)]) as Tensor1D)),
  );
  try {
    const hash = createHash("sha256").update(JSON.stringify([config, ordered.map(([name, { shape }]) => [name, shape])]));
    return hash
      .update(bytesOf((await sample.data()) as Float32Array))
      .digest("hex")
      .slice(0, 16);
  } finally {
    sample.dispose();
  }
}

/** 16 hex digits that change with any value of an adapter, its scale or its modules; `null` for none. */
export async function adapterChecksum(adapter: Adapter | null): Promise<string | null> {
  if (!adapter) return null;
  const { rank, alpha, rankStabilised } = adapter.config;
  const hash = createHash("sha256").update(JSON.stringify([rank, alpha, rankStabilised]));
  for (const [name, { a, b }] of [...adapter.modules].sort(([x], [y]) => (x < y ? -1 : 1))) {
    hash.update(name);
    for (const matrix of [a, b]) hash.update(bytesOf((await matrix.data()) as Float32Array));
  }
  return hash.digest("hex").slice(0, 16);
}

const bytesOf = (values: Float32Array): Uint8Array => new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
