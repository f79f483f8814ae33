import { startEngine } from "../core/engine.js";
import { Random } from "../core/random.js";
import { type Tensor, tf } from "../core/tf.js";
import { tensorsOf } from "../nn/quantized.js";
import type { Tokenizer } from "../text/tokenizer.js";
import type { CausalLM } from "./model.js";
import { modelTypeOf } from "./registry.js";
import { weightShapes } from "./shapes.js";

/**
 * A model with fresh random weights: normal with standard deviation 0.02, smaller by √(2·layers) where a block writes to the residual
 * stream (GPT-2's rule); norms 1, biases 0. Seeded; frozen until `unfreeze`. Dispose with `disposeModel`.
 */
export async function createModel(
  rawConfig: Record<string, unknown>,
  { seed, tokenizer = null }: { seed: number; tokenizer?: Tokenizer | null },
): Promise<CausalLM> {
  await startEngine();
  const type = await modelTypeOf(rawConfig.model_type);
  const config = type.config(rawConfig);
  const weights = new Map<string, Tensor>();
  for (const [name, shape] of weightShapes(type, config)) weights.set(name, tf.tensor(initial(name, shape, config.layers, seed), shape));
  return { type, config, weights, adapter: null, tokenizer, source: { name: "(new)", revision: null } };
}

function initial(name: string, shape: number[], layers: number, seed: number): Float32Array {
  const values = new Float32Array(shape.reduce((a, b) => a * b, 1));
  if (name.endsWith(".bias")) return values;
  if (shape.length === 1) return values.fill(1);
  const deviation = /(o_proj|down_proj|c_proj)\.weight$/.test(name) ? 0.02 / Math.sqrt(2 * layers) : 0.02;
  const random = new Random(`${seed}/${name}`);
  for (let i = 0; i < values.length; i++) values[i] = random.normal() * deviation;
  return values;
}

/** Frees all weights and the adapter. */
export function disposeModel({ weights, quantized, adapter }: CausalLM): void {
  tf.dispose([...weights.values()]);
  for (const weight of quantized?.values() ?? []) tf.dispose(tensorsOf(weight));
  if (adapter) tf.dispose([...adapter.modules.values()].flatMap(({ a, b }) => [a, b]));
}
