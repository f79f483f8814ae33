import { type Tensor, type Tensor2D, tf } from "../core/tf.js";
import { type Dropout, dropout } from "./dropout.js";

/** One adapted module (Hu et al. 2021): `a` `[rank, in]`, `b` `[out, rank]`. Variables while they are trained. */
export type LoraPair = { a: Tensor2D; b: Tensor2D };

/** What an adapter adds to a linear module: `scale` · dropout(x)·Aᵀ·Bᵀ. `dropout` is `null` in evaluation. */
export type LoraBranch = LoraPair & { scale: number; dropout: Dropout | null };

/** The branch's output in plain operations. `x`: `[n, in]`; returns `[n, out]`. */
export function loraBranch(x: Tensor2D, { a, b, scale, dropout: drop }: LoraBranch): Tensor {
  const input = drop ? dropout(x, drop.rate, drop.seed, drop.place) : x;
  return tf.matMul(tf.mul(tf.matMul(input, a, false, true), scale), b, false, true);
}
