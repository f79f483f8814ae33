import type { Tensor, Tensor1D, Tensor2D } from "../core/tf.js";
import type { DropoutSeed } from "../nn/dropout.js";
import { linear } from "../nn/linear.js";
import type { LoraBranch } from "../nn/lora.js";
import { type CausalLM, loraScale, type Scope } from "./model.js";

/**
 * The weights of `model` under `prefix`, with the adapter's branches added to its linear modules.
 * @param dropoutSeed Seeds the adapter's dropout; `null` where the model is evaluated. A tensor must outlive the way back.
 */
export function scopeOf(model: CausalLM, prefix: string, dropoutSeed: DropoutSeed | null): Scope {
  const missing = (name: string) => new Error(`${prefix}${name}: the model has no such weight`);
  const branchOf = (module: string): LoraBranch | null => {
    const pair = model.adapter?.modules.get(module);
    if (!pair) return null;
    const { config } = model.adapter!;
    const drops = dropoutSeed !== null && config.dropout > 0;
    return { ...pair, scale: loraScale(config), dropout: drops ? { rate: config.dropout, seed: dropoutSeed, place: module } : null };
  };
  return {
    weight(name): Tensor {
      const found = model.weights.get(prefix + name);
      if (!found) throw missing(name);
      return found;
    },
    linear(name, x) {
      const module = prefix + name;
      const weight = (model.weights.get(`${module}.weight`) as Tensor2D | undefined) ?? model.quantized?.get(`${module}.weight`);
      if (!weight) throw missing(`${name}.weight`);
      const bias = (model.weights.get(`${module}.bias`) ?? null) as Tensor1D | null;
      return linear(x, weight, bias, model.type.layout, branchOf(module));
    },
  };
}
