import { expected } from "../core/errors.js";
import { type Tensor, tf } from "../core/tf.js";
import { timesSigmoid, timesSigmoidSlope, wherePositive } from "./elementwise.js";
import { fused, hasOwnOperations } from "./fused.js";
import { isRecording, withGradient } from "./trainable.js";

/** Values of a function, and its slopes where they are asked for. */
type Sloped = <T extends Tensor>(x: T, sloped: boolean) => { value: T; slope?: T };

type Activation = <T extends Tensor>(x: T) => T;

/** The addon's own operation of this name where there is one, which keeps `x` for the way back; else the plain form. */
const fusedOr = (name: string, plain: Activation): Activation => {
  const own = <T extends Tensor>(x: T): T =>
    withGradient<T>(
      [x],
      (save) => {
        save([x]);
        return fused(name, [x])[0] as T;
      },
      (dy, [x]) => fused(`${name}Gradient`, [dy, x!]),
    );
  return (x) => (hasOwnOperations() ? own(x) : plain(x));
};

/**
 * An activation that keeps only its slope for the way back, which is then a single product. Computed with the value, the slope shares most of its
 * steps; computed later, it would need `x` (of the same size) and all those steps again.
 */
function keepingSlope(f: Sloped): Activation {
  return <T extends Tensor>(x: T) =>
    withGradient<T>(
      [x],
      (save) => {
        const { value, slope } = f(x, isRecording());
        if (slope) save([slope]);
        return value;
      },
      (dy, [slope]) => [tf.mul(dy, slope!)],
    );
}

// ½(1 + tanh(z / 2)) is σ(z): GELU's tanh form is x·σ(z) with z = x·(LINEAR + CUBIC·x²).
const LINEAR = 2 * Math.sqrt(2 / Math.PI);
const CUBIC = 0.044715 * LINEAR;

/** GELU in the tanh form that GPT-2 uses (Hendrycks and Gimpel 2016). */
export const geluTanh = fusedOr("GeluTanh", keepingSlope(geluTanhOf));

function geluTanhOf<T extends Tensor>(x: T, sloped: boolean): { value: T; slope?: T } {
  const factor = tf.add(tf.mul(tf.square(x), CUBIC), LINEAR);
  const z = tf.mul(x, factor) as T;
  if (!sloped) return { value: timesSigmoid(x, z) };
  const s = tf.sigmoid(z);
  const dz = tf.sub(tf.mul(factor, 3), 2 * LINEAR) as T;
  // In this order, because x·dz overflows f16 where σ has long been flat.
  return { value: tf.mul(x, s) as T, slope: tf.add(s, tf.mul(x, timesSigmoidSlope(dz, s))) as T };
}

/** GELU in the exact form, x·Φ(x). */
export const geluExact = fusedOr("GeluExact", keepingSlope(geluExactOf));

function geluExactOf<T extends Tensor>(x: T, sloped: boolean): { value: T; slope?: T } {
  const phi = tf.mul(tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1), 0.5);
  const value = tf.mul(x, phi) as T;
  if (!sloped) return { value };
  const density = tf.mul(tf.exp(tf.mul(tf.square(x), -0.5)), 1 / Math.sqrt(2 * Math.PI));
  return { value, slope: tf.add(phi, tf.mul(x, density)) as T };
}

function siluOf<T extends Tensor>(x: T, sloped: boolean): { value: T; slope?: T } {
  if (!sloped) return { value: timesSigmoid(x, x) };
  const s = tf.sigmoid(x);
  return { value: tf.mul(x, s) as T, slope: tf.add(s, timesSigmoidSlope(x, s)) as T };
}

/** SiLU, x·σ(x) (also called swish). */
export const silu = fusedOr("Silu", keepingSlope(siluOf));

/** max(x, 0). */
export function relu<T extends Tensor>(x: T): T {
  return withGradient<T>(
    [x],
    (save) => {
      const y = tf.relu(x);
      save([y]);
      return y;
    },
    (dy, [y]) => [wherePositive(dy, y as T)],
  );
}

/** silu(gate)·up, of equal shapes: the gate of Llama's MLP (Shazeer 2020). Keeps what dy is multiplied with, one tensor for each of the two. */
function swiglu<T extends Tensor>(gate: T, up: T): T {
  return withGradient<T>(
    [gate, up],
    (save) => {
      const { value, slope } = siluOf(gate, isRecording());
      if (slope) save([tf.mul(slope, up), value]);
      return tf.mul(value, up) as T;
    },
    (dy, [byGate, byUp]) => [tf.mul(dy, byGate!), tf.mul(dy, byUp!)],
  );
}

function fusedGate<T extends Tensor>(name: string, gate: T, up: T): T {
  return withGradient<T>(
    [gate, up],
    (save) => {
      save([gate, up]);
      return fused(name, [gate, up])[0] as T;
    },
    (dy, [gate, up]) => fused<[Tensor, Tensor]>(`${name}Gradient`, [dy, gate!, up!], 2),
  );
}

/** The activation that a Hugging Face config names. @throws RangeError for a name that is not known. */
export function activation(name: string): Activation {
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
      return relu;
    default:
      throw new RangeError(expected("activation", '"gelu_new", "gelu_pytorch_tanh", "gelu", "silu" or "relu"', name));
  }
}

/** activation(gate)·up, of equal shapes, for the activation that a config names. @throws RangeError for a name that is not known. */
export function gated(name: string): <T extends Tensor>(gate: T, up: T) => T {
  const f = activation(name);
  const own = GATES.get(f);
  const plain = f === silu ? swiglu : <T extends Tensor>(gate: T, up: T): T => tf.mul(f(gate), up);
  return (gate, up) => (own && hasOwnOperations() ? fusedGate(own, gate, up) : plain(gate, up));
}

const GATES = new Map<Activation, string>([
  [geluTanh, "GatedGeluTanh"],
  [geluExact, "GatedGeluExact"],
  [silu, "GatedSilu"],
]);
