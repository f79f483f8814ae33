import { isNative } from "../core/engine.js";
import { type Tensor, tf } from "../core/tf.js";
import { DT, nativeOp } from "./native.js";

/** Products with a sigmoid, for which TensorFlow has operations of one pass over memory: it knows them as the gradients of others. */
const inOnePass = <T extends Tensor>(name: string, a: T, b: T): T =>
  nativeOp(name, [{ name: "T", kind: "type", value: DT.float }], [a, b])[0] as T;

/** x·σ(z), of equal shapes. No gradient passes through. */
export const timesSigmoid = <T extends Tensor>(x: T, z: T): T =>
  isNative() ? inOnePass("SoftplusGrad", x, z) : (tf.mul(x, tf.sigmoid(z)) as T);

/** x·s·(1 − s): x times the slope of a sigmoid whose value is `s`. No gradient passes through. */
export const timesSigmoidSlope = <T extends Tensor>(x: T, s: T): T =>
  isNative() ? inOnePass("SigmoidGrad", s, x) : (tf.mul(tf.mul(x, s), tf.sub(1, s)) as T);

/** x where `y` is above 0, else 0. No gradient passes through. */
export const wherePositive = <T extends Tensor>(x: T, y: T): T => (isNative() ? inOnePass("ReluGrad", x, y) : (tf.mul(x, tf.step(y)) as T));
