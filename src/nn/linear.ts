import { type Tensor, type Tensor1D, type Tensor2D, tf } from "../core/tf.js";

/** How a weight lies in memory: `[out, in]` as in torch's Linear, or `[in, out]` as in GPT-2's Conv1D (`fan_in_fan_out` in PEFT). */
export type WeightLayout = "out-in" | "in-out";

/** x·W (+ bias). `x`: `[..., in]`; returns `[..., out]`. A frozen `weight` gets no gradient. */
export function linear(x: Tensor, weight: Tensor2D, bias: Tensor1D | null, layout: WeightLayout): Tensor {
  const inputs = x.shape.at(-1)!;
  const flat = x.rank === 2 ? x : x.reshape([-1, inputs]);
  const product = tf.matMul(flat, weight, false, layout === "out-in");
  const y = bias ? tf.add(product, bias) : product;
  return x.rank === 2 ? y : y.reshape([...x.shape.slice(0, -1), y.shape[1]!]);
}
