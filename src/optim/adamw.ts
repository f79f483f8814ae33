import { compile } from "../core/compile/compile.js";
import { checkNumber } from "../core/shapes.js";
import { type Tensor, tf, type Variable } from "../core/tf.js";

export type AdamWOptions = {
  /** Decay rates of the two moments. */
  beta1?: number;
  beta2?: number;
  /** Added to the root of the second moment. */
  epsilon?: number;
  /** Share of a weight taken away each step, times the learning rate; matrices only, as the Hugging Face Trainer does. */
  weightDecay?: number;
};

/** Optimizer state as plain tensors by name: `<parameter>.exp_avg` and `<parameter>.exp_avg_sq`. */
export type AdamWState = Map<string, Tensor>;

/** AdamW (Loshchilov and Hutter 2019) with torch's arithmetic. Owns its moments; free them with `dispose`. */
export class AdamW {
  #first = new Map<string, Variable>();
  #second = new Map<string, Variable>();
  #options: Required<AdamWOptions>;

  constructor({ beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = 0 }: AdamWOptions = {}) {
    checkNumber("AdamW beta1", beta1, 0, 0.999999);
    checkNumber("AdamW beta2", beta2, 0, 0.999999);
    checkNumber("AdamW epsilon", epsilon, 0);
    checkNumber("AdamW weightDecay", weightDecay, 0);
    this.#options = { beta1, beta2, epsilon, weightDecay };
  }

  /**
   * One update. `gradients` are sums; they are multiplied by `scale` first (1 / count, times the clipping factor).
   * @param step Counts from 1.
   */
  update(
    parameters: Map<string, Variable>,
    gradients: Map<string, Tensor>,
    { step, learningRate, scale }: { step: number; learningRate: number; scale: number },
  ): void {
    const { beta1, beta2, epsilon, weightDecay } = this.#options;
    const size = learningRate / (1 - beta1 ** step);
    const root = Math.sqrt(1 - beta2 ** step);
    for (const [name, parameter] of parameters) {
      const gradient = gradients.get(name);
      if (!gradient) continue;
      const first = moment(this.#first, name, parameter.shape);
      const second = moment(this.#second, name, parameter.shape);
      const kept = parameter.rank > 1 ? 1 - learningRate * weightDecay : 1;
      tf.tidy(() => {
        const settings = tf.tensor1d([scale, beta1, 1 - beta1, beta2, 1 - beta2, root, epsilon, size, kept]);
        const next = moved(settings, parameter, gradient, first, second);
        first.assign(next.first);
        second.assign(next.second);
        parameter.assign(next.parameter);
      });
    }
  }

  /** The moments; they stay owned by the optimizer. */
  state(): AdamWState {
    const named = (moments: Map<string, Variable>, suffix: string) =>
      [...moments].map(([name, value]) => [`${name}.${suffix}`, value] as const);
    return new Map<string, Tensor>([...named(this.#first, "exp_avg"), ...named(this.#second, "exp_avg_sq")]);
  }

  /** Takes over saved moments, by copy. */
  restore(state: Map<string, { shape: number[]; values: Float32Array }>): void {
    for (const [key, { shape, values }] of state) {
      const [, name, suffix] = key.match(/^(.*)\.(exp_avg|exp_avg_sq)$/) ?? [];
      if (!name) throw new Error(`optimizer state: expected names ending in .exp_avg or .exp_avg_sq, got "${key}"`);
      const target = moment(suffix === "exp_avg" ? this.#first : this.#second, name, shape);
      tf.tidy(() => target.assign(tf.tensor(values, shape)));
    }
  }

  dispose(): void {
    tf.dispose([...this.#first.values(), ...this.#second.values()]);
    this.#first.clear();
    this.#second.clear();
  }
}

/** One parameter's update. `settings`: scale, β₁, 1 − β₁, β₂, 1 − β₂, √(1 − β₂ᵗ), ε, step size, share of the parameter that stays. */
const moved = compile(
  "adamw",
  (settings, parameter, gradient, oldFirst, oldSecond) => {
    const [scale, beta1, rest1, beta2, rest2, root, epsilon, size, kept] = tf.unstack(settings!);
    const g = tf.mul(gradient!, scale!);
    const first = tf.add(tf.mul(oldFirst!, beta1!), tf.mul(g, rest1!));
    const second = tf.add(tf.mul(oldSecond!, beta2!), tf.mul(tf.square(g), rest2!));
    const direction = tf.div(first, tf.add(tf.div(tf.sqrt(second), root!), epsilon!));
    return { first, second, parameter: tf.sub(tf.mul(parameter!, kept!), tf.mul(direction, size!)) };
  },
  { uninterrupted: true },
);

function moment(moments: Map<string, Variable>, name: string, shape: number[]): Variable {
  const known = moments.get(name);
  if (known) return known;
  const fresh = tf.tidy(() => tf.variable(tf.zeros(shape), false)) as Variable;
  moments.set(name, fresh);
  return fresh;
}
