import { isNative } from "../core/engine.js";
import { hash32, Random } from "../core/random.js";
import { type Tensor, type Tensor1D, tf } from "../core/tf.js";
import { DT, nativeOp } from "./native.js";
import { withGradient } from "./trainable.js";

/** Decides a mask: a 32-bit whole number, or an int32 tensor `[2]` for a compiled function, in which a number would stay as it is. n stands for [n, 0]. */
export type DropoutSeed = number | Tensor1D;

/** Which values are dropped: a share `rate` of them, in [0, 1). `place` sets masks of one seed apart. The seed must outlive the way back. */
export type Dropout = { rate: number; seed: DropoutSeed; place: string };

/**
 * Inverted dropout that depends on `seed` and `place` alone: the same give the same mask, so that a recomputed block drops the same values. The mask
 * is made again on the way back, not kept.
 */
export function dropout<T extends Tensor>(x: T, rate: number, seed: DropoutSeed, place = ""): T {
  if (rate === 0) return x;
  const thinned = (values: Tensor) => tf.tidy(() => tf.mul(dropped(values, { rate, seed, place }), 1 / (1 - rate)));
  return withGradient<T>(
    [x],
    () => thinned(x) as T,
    (dy) => [thinned(dy)],
  );
}

/** `x` with 0 where it is dropped, not scaled up. No gradient passes through. */
export function dropped<T extends Tensor>(x: T, { rate, seed, place }: Dropout): T {
  if (!isNative()) return tf.mul(x, tf.cast(tf.greaterEqual(portableUniform(x.shape, seed, place), rate), "float32")) as T;
  const kept = tf.greaterEqual(nativeUniform(x.shape, seed, place), rate);
  return nativeOp("SelectV2", [{ name: "T", kind: "type", value: DT.float }], [kept, x, tf.scalar(0)])[0] as T;
}

function nativeUniform(shape: number[], seed: DropoutSeed, place: string): Tensor {
  const attributes = [
    { name: "dtype", kind: "type" as const, value: DT.float },
    { name: "T", kind: "type" as const, value: DT.int32 },
    { name: "Tseed", kind: "type" as const, value: DT.int32 },
  ];
  return nativeOp("StatelessRandomUniform", attributes, [tf.tensor1d(shape, "int32"), placed(seed, place)])[0]!;
}

function portableUniform(shape: number[], seed: DropoutSeed, place: string): Tensor {
  const random = new Random(placed(seed, place).dataSync().join());
  const values = new Float32Array(shape.reduce((a, b) => a * b, 1));
  for (let i = 0; i < values.length; i++) values[i] = random.bits() / 2 ** 32;
  return tf.tensor(values, shape);
}

/** The seed of one place, `[2]`. */
function placed(seed: DropoutSeed, place: string): Tensor1D {
  const word = place === "" ? 0 : hash32(place) | 0;
  return typeof seed === "number" ? tf.tensor1d([seed | 0, word], "int32") : (tf.add(seed, tf.tensor1d([0, word], "int32")) as Tensor1D);
}
