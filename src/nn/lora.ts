import { hash32 } from "../core/random.js";
import { type Tensor, type Tensor2D, tf } from "../core/tf.js";
import { dropout } from "./dropout.js";

/** One adapted module (Hu et al. 2021): `a` `[rank, in]`, `b` `[out, rank]`. Variables while they are trained. */
export type LoraPair = { a: Tensor2D; b: Tensor2D };

/** What a LoRA branch needs beside its matrices. `dropoutSeed` is set while training, and absent in evaluation. */
export type LoraCall = { scale: number; dropout: number; dropoutSeed: number | null; module: string };

/** scale · dropout(x)·Aᵀ·Bᵀ. `x`: `[..., in]`; returns `[..., out]`. */
export function loraBranch(x: Tensor, { a, b }: LoraPair, { scale, dropout: rate, dropoutSeed, module }: LoraCall): Tensor {
  const flat = x.reshape([-1, x.shape.at(-1)!]);
  const input = dropoutSeed === null ? flat : dropout(flat, rate, hash32(`${dropoutSeed}/${module}`));
  const low = tf.mul(tf.matMul(input, a, false, true), scale);
  return tf.matMul(low, b, false, true).reshape([...x.shape.slice(0, -1), b.shape[0]]);
}
