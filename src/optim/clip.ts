import { compile } from "../core/compile/compile.js";
import { type Tensor, tf } from "../core/tf.js";

/** The sum of the squares of all values of all tensors, `[]`. */
export const sumOfSquares = compile("squares", (...tensors) => ({ sum: tf.addN(tensors.map((tensor) => tf.sum(tf.square(tensor)))) }));

/** Euclidean length of all gradients together. */
export async function globalNorm(gradients: Iterable<Tensor>): Promise<number> {
  const all = [...gradients];
  if (all.length === 0) return 0;
  const { sum } = sumOfSquares(...all);
  const value = (await sum.data())[0]!;
  sum.dispose();
  return Math.sqrt(value);
}

/** The factor that brings `norm` down to `maxNorm`, as torch's `clip_grad_norm_`; 1 where it is short enough or `maxNorm` is null. */
export const clipFactor = (norm: number, maxNorm: number | null): number => (maxNorm === null ? 1 : Math.min(1, maxNorm / (norm + 1e-6)));
