import type { Tensor, Tensor1D, Tensor2D } from "../core/tf.js";
import { tf } from "../core/tf.js";
import { linear } from "../nn/linear.js";
import { loraBranch } from "../nn/lora.js";
import { type CausalLM, loraScale, type Scope } from "./model.js";

/**
 * The weights of `model` under `prefix`, with the adapter's branches added to its linear modules.
 * @param dropoutSeed Seeds the adapter's dropout; `null` where the model is evaluated.
 */
export function scopeOf(model: CausalLM, prefix: string, dropoutSeed: number | null): Scope {
  const weight = (name: string): Tensor => {
    const found = model.weights.get(prefix + name);
    if (!found) throw new Error(`${prefix}${name}: the model has no such weight`);
    return found;
  };
  return {
    weight,
    linear(name, x) {
      const bias = (model.weights.get(`${prefix}${name}.bias`) ?? null) as Tensor1D | null;
      const y = linear(x, weight(`${name}.weight`) as Tensor2D, bias, model.type.layout);
      const pair = model.adapter?.modules.get(prefix + name);
      if (!pair) return y;
      const { config } = model.adapter!;
      return tf.add(y, loraBranch(x, pair, { scale: loraScale(config), dropout: config.dropout, dropoutSeed, module: prefix + name }));
    },
  };
}
