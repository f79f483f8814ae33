import { isNative } from "../core/engine.js";
import { Random } from "../core/random.js";
import { type Tensor, tf } from "../core/tf.js";
import { DT, nativeOp } from "./native.js";

/**
 * Inverted dropout that depends on `seed` alone: the same seed gives the same mask, so that a recomputed block drops the same values.
 * `rate` is the share that is dropped, in [0, 1). `seed`: a 32-bit whole number.
 */
export function dropout<T extends Tensor>(x: T, rate: number, seed: number): T {
  if (rate === 0) return x;
  const uniform = isNative() ? nativeUniform(x.shape, seed) : portableUniform(x.shape, seed);
  return tf.mul(x, tf.div(tf.cast(tf.greaterEqual(uniform, rate), "float32"), 1 - rate)) as T;
}

function nativeUniform(shape: number[], seed: number): Tensor {
  const attributes = [
    { name: "dtype", kind: "type" as const, value: DT.float },
    { name: "T", kind: "type" as const, value: DT.int32 },
    { name: "Tseed", kind: "type" as const, value: DT.int32 },
  ];
  const inputs = [tf.tensor1d(shape, "int32"), tf.tensor1d([seed | 0, 0], "int32")];
  return nativeOp("StatelessRandomUniform", attributes, inputs)[0]!;
}

function portableUniform(shape: number[], seed: number): Tensor {
  const random = new Random(seed >>> 0);
  const values = new Float32Array(shape.reduce((a, b) => a * b, 1));
  for (let i = 0; i < values.length; i++) values[i] = random.bits() / 2 ** 32;
  return tf.tensor(values, shape);
}
