import { expected } from "../core/errors.js";
import { type Tensor, tf } from "../core/tf.js";
import { withGradient } from "./trainable.js";

const SQRT_2_OVER_PI = Math.sqrt(2 / Math.PI);

/** GELU in the tanh form that GPT-2 uses (Hendrycks and Gimpel 2016). */
export function geluTanh<T extends Tensor>(x: T): T {
  const tanhOf = () => tf.tanh(tf.mul(x, tf.add(tf.mul(tf.square(x), SQRT_2_OVER_PI * 0.044715), SQRT_2_OVER_PI)));
  return withGradient<T>(
    [x],
    (save) => {
      const tanh = tanhOf();
      save([x, tanh]);
      return tf.mul(tf.mul(x, 0.5), tf.add(tanh, 1)) as T;
    },
    (dy, [input, tanh]) => {
      const inner = tf.add(tf.mul(tf.square(input!), 3 * 0.044715 * SQRT_2_OVER_PI), SQRT_2_OVER_PI);
      const slope = tf.mul(tf.mul(input!, inner), tf.sub(1, tf.square(tanh!)));
      return [tf.mul(tf.mul(dy, 0.5), tf.add(tf.add(tanh!, 1), slope))];
    },
  );
}

/** GELU in the exact form, x·Φ(x). */
export function geluExact<T extends Tensor>(x: T): T {
  const phi = tf.mul(tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1), 0.5);
  return tf.mul(x, phi) as T;
}

/** SiLU, x·σ(x) (also called swish). */
export function silu<T extends Tensor>(x: T): T {
  return withGradient<T>(
    [x],
    (save) => {
      const sigmoid = tf.sigmoid(x);
      save([x, sigmoid]);
      return tf.mul(x, sigmoid) as T;
    },
    (dy, [input, sigmoid]) => [tf.mul(dy, tf.mul(sigmoid!, tf.add(tf.mul(input!, tf.sub(1, sigmoid!)), 1)))],
  );
}

/** The activation that a Hugging Face config names. @throws RangeError for a name that is not known. */
export function activation(name: string): <T extends Tensor>(x: T) => T {
  switch (name) {
    case "gelu_new":
    case "gelu_pytorch_tanh":
      return geluTanh;
    case "gelu":
      return geluExact;
    case "silu":
    case "swish":
      return silu;
    case "relu":
      return (x) => tf.relu(x);
    default:
      throw new RangeError(expected("activation", '"gelu_new", "gelu_pytorch_tanh", "gelu", "silu" or "relu"', name));
  }
}
