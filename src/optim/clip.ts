import { type Tensor, tf } from "../core/tf.js";

/** Euclidean length of all gradients together. */
export async function globalNorm(gradients: Iterable<Tensor>): Promise<number> {
  const sum = tf.tidy(() => {
    const squares = [...gradients].map((gradient) => tf.sum(tf.square(gradient)));
    return squares.length > 0 ? tf.addN(squares as Tensor[]) : tf.scalar(0);
  });
  const value = (await sum.data())[0]!;
  sum.dispose();
  return Math.sqrt(value);
}

/** The factor that brings `norm` down to `maxNorm`, as torch's `clip_grad_norm_`; 1 where it is short enough or `maxNorm` is null. */
export const clipFactor = (norm: number, maxNorm: number | null): number => (maxNorm === null ? 1 : Math.min(1, maxNorm / (norm + 1e-6)));
