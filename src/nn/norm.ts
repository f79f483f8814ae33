import { type Tensor, type Tensor1D, tf } from "../core/tf.js";
import { fused, hasOwnOperations } from "./fused.js";
import { isTrainable, withGradient } from "./trainable.js";

const overRows = (tensor: Tensor): Tensor1D => tf.sum(tensor.reshape([-1, tensor.shape.at(-1)!]), 0) as Tensor1D;

/** Layer normalisation over the last axis (Ba et al. 2016). `x`: `[..., hidden]`; `gamma`, `beta`: `[hidden]`. */
export function layerNorm<T extends Tensor>(x: T, gamma: Tensor1D, beta: Tensor1D, epsilon: number): T {
  const trained = isTrainable(gamma);
  if (!trained && hasOwnOperations()) return fusedNorm("LayerNorm", x, gamma, [beta], epsilon);
  return withGradient<T>(
    trained ? [x, gamma, beta] : [x],
    (save) => {
      const centred = tf.sub(x, tf.mean(x, -1, true));
      const scale = tf.rsqrt(tf.add(tf.mean(tf.square(centred), -1, true), epsilon));
      const normal = tf.mul(centred, scale);
      save([normal, scale]);
      return tf.add(tf.mul(normal, gamma), beta) as T;
    },
    (dy, [normal, scale]) => {
      const d = tf.mul(dy, gamma);
      const projected = tf.mul(normal!, tf.mean(tf.mul(d, normal!), -1, true));
      const dx = tf.mul(tf.sub(tf.sub(d, tf.mean(d, -1, true)), projected), scale!);
      return trained ? [dx, overRows(tf.mul(dy, normal!)), overRows(dy)] : [dx];
    },
  );
}

/** Root-mean-square normalisation over the last axis (Zhang and Sennrich 2019). `x`: `[..., hidden]`; `gamma`: `[hidden]`. */
export function rmsNorm<T extends Tensor>(x: T, gamma: Tensor1D, epsilon: number): T {
  const trained = isTrainable(gamma);
  if (!trained && hasOwnOperations()) return fusedNorm("RmsNorm", x, gamma, [], epsilon);
  return withGradient<T>(
    trained ? [x, gamma] : [x],
    (save) => {
      const scale = tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), epsilon));
      const normal = tf.mul(x, scale);
      save([normal, scale]);
      return tf.mul(normal, gamma) as T;
    },
    (dy, [normal, scale]) => {
      const d = tf.mul(dy, gamma);
      const dx = tf.mul(tf.sub(d, tf.mul(normal!, tf.mean(tf.mul(d, normal!), -1, true))), scale!);
      return trained ? [dx, overRows(tf.mul(dy, normal!))] : [dx];
    },
  );
}

/** Keeps `x` alone for the way back. */
function fusedNorm<T extends Tensor>(name: string, x: T, gamma: Tensor1D, beta: Tensor1D[], epsilon: number): T {
  return withGradient<T>(
    [x],
    (save) => {
      save([x]);
      return fused(name, [x, gamma, ...beta, tf.scalar(epsilon)])[0] as T;
    },
    (dy, [x]) => fused(`${name}Gradient`, [dy, x!, gamma, tf.scalar(epsilon)]),
  );
}
