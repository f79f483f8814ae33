import { createHash } from "node:crypto";
import { type Tensor, tf } from "../core/tf.js";
import { type QuantizedWeight, tensorsOf } from "../nn/quantized.js";
import type { Adapter, CausalLM } from "./model.js";

/**
 * 16 hex digits that change with a model's configuration and with any value of any of its weights, not with where it lies. Quantised weights count as
 * what is held of them, so that the same file has another checksum in another precision. About a second a GB the first time; frozen weights are
 * not read again.
 */
export async function weightsChecksum({ config: { raw: _, ...config }, weights, quantized }: CausalLM): Promise<string> {
  const held: [string, Tensor | QuantizedWeight][] = [...weights, ...(quantized ?? [])];
  const hash = createHash("sha256").update(JSON.stringify(config));
  for (const [name, weight] of held.sort(([a], [b]) => (a < b ? -1 : 1))) {
    const { parts, about } = "kind" in weight ? partsOf(weight) : { parts: [weight], about: weight.shape };
    hash.update(JSON.stringify([name, about]));
    for (const part of parts) hash.update(await digestOf(part));
  }
  return hash.digest("hex").slice(0, 16);
}

/** 16 hex digits that change with any value of an adapter, its scale or its modules; `null` for none. */
export async function adapterChecksum(adapter: Adapter | null): Promise<string | null> {
  if (!adapter) return null;
  const { rank, alpha, rankStabilised } = adapter.config;
  const hash = createHash("sha256").update(JSON.stringify([rank, alpha, rankStabilised]));
  for (const [name, { a, b }] of [...adapter.modules].sort(([x], [y]) => (x < y ? -1 : 1))) {
    hash.update(name);
    for (const matrix of [a, b]) hash.update(await bytesOf(matrix));
  }
  return hash.digest("hex").slice(0, 16);
}

/** The tensors of a quantised weight, and what else its values depend on. */
function partsOf(weight: QuantizedWeight): { parts: Tensor[]; about: unknown } {
  const { kind, shape } = weight;
  return { parts: tensorsOf(weight), about: [kind, shape, kind === "nf4" ? weight.mean : weight.channels] };
}

/** By the data that a frozen tensor shares with its clones; it never changes. */
const known = new WeakMap<object, Buffer>();

async function digestOf(tensor: Tensor): Promise<Buffer> {
  const found = known.get(tensor.dataId);
  if (found) return found;
  const digest = createHash("sha256")
    .update(await bytesOf(tensor))
    .digest();
  if (!(tensor instanceof tf.Variable)) known.set(tensor.dataId, digest);
  return digest;
}

async function bytesOf(tensor: Tensor): Promise<Uint8Array> {
  const { buffer, byteOffset, byteLength } = await tensor.data();
  return new Uint8Array(buffer, byteOffset, byteLength);
}
