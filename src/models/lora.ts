import { expected } from "../core/errors.js";
import { Random } from "../core/random.js";
import { checkInteger, checkNumber } from "../core/shapes.js";
import { type Tensor2D, tf, type Variable } from "../core/tf.js";
import type { LoraPair } from "../nn/lora.js";
import { clonedQuantized, dequantized } from "../nn/quantized.js";
import { type Adapter, type CausalLM, type LoraConfig, loraScale } from "./model.js";

export type LoraOptions = {
  /** Rank of the update; 4 to 64. */
  rank?: number;
  /** The update is scaled by alpha / rank; rank to 2 · rank. */
  alpha?: number;
  /** Share of the branch's inputs dropped in training; 0 to 0.1. */
  dropout?: number;
  /** Names of modules such as `["q_proj", "v_proj"]`, or `"all-linear"`. */
  targets?: string[] | "all-linear";
  /** Scale by alpha / √rank (Kalajdzievski 2023). */
  rankStabilised?: boolean;
  seed?: number;
};

/** Full names and sizes of the linear modules that `targets` names. @throws RangeError where a target names nothing. */
export function targetModules(model: CausalLM, targets: string[] | "all-linear"): { name: string; in: number; out: number }[] {
  const linears = model.type.linears(model.config);
  const all = Array.from({ length: model.config.layers }, (_, i) =>
    linears.map((shape) => ({ ...shape, name: model.type.block(i) + shape.name })),
  ).flat();
  if (targets === "all-linear") return all;
  const hit = (name: string, target: string) => name === target || name.endsWith(`.${target}`);
  const useless = targets.find((target) => !all.some(({ name }) => hit(name, target)));
  if (useless !== undefined || targets.length === 0) {
    const known = linears.map(({ name }) => name.split(".").at(-1)).join(", ");
    throw new RangeError(expected("LoRA targets", `"all-linear" or some of ${known}`, useless ?? targets));
  }
  return all.filter(({ name }) => targets.some((target) => hit(name, target)));
}

/**
 * The model with a new, trainable adapter; its weights are shared, not copied. A is drawn uniformly as torch's Linear does (Kaiming, a = √5), B is 0,
 * so that the adapted model starts equal to the model. Free the adapter with `disposeAdapter`.
 */
export function addLora(model: CausalLM, options: LoraOptions = {}): CausalLM {
  const { rank = 8, alpha = 16, dropout = 0, targets = "all-linear", rankStabilised = false, seed = 0 } = options;
  checkInteger("LoRA rank", rank, 1);
  checkNumber("LoRA alpha", alpha, 0);
  checkNumber("LoRA dropout", dropout, 0, 0.999);
  const config: LoraConfig = { rank, alpha, dropout, targets, rankStabilised, seed, base: model.source.name };
  const modules = new Map<string, LoraPair>();
  for (const { name, in: inputs, out } of targetModules(model, targets)) {
    const random = new Random(`${seed}/${name}`);
    const bound = 1 / Math.sqrt(inputs);
    const a = Float32Array.from({ length: rank * inputs }, () => (2 * random.uniform() - 1) * bound);
    modules.set(name, { a: trainableMatrix(a, [rank, inputs]), b: trainableMatrix(new Float32Array(out * rank), [out, rank]) });
  }
  return { ...model, adapter: { config, modules } };
}

/** A trainable matrix; the variable owns its values. */
export function trainableMatrix(values: Float32Array, shape: [number, number]): Tensor2D {
  return tf.tidy(() => tf.variable(tf.tensor2d(values, shape), true)) as unknown as Tensor2D;
}

/** The model as it was before `addLora`; nothing is copied. */
export const withoutAdapter = (model: CausalLM): CausalLM => ({ ...model, adapter: null });

/** The same model with a frozen copy of its adapter: the reference of DPO after SFT. */
export function frozenCopy(model: CausalLM): CausalLM {
  if (!model.adapter) return model;
  const modules = new Map([...model.adapter.modules].map(([name, { a, b }]) => [name, { a: tf.clone(a), b: tf.clone(b) }] as const));
  return { ...model, adapter: { config: model.adapter.config, modules } };
}

/** The same model with a trainable copy of its adapter, so that training leaves the original alone. */
export function trainableCopy(model: CausalLM): CausalLM {
  if (!model.adapter) throw new Error("trainableCopy: expected a model with an adapter. Add one with addLora or loadAdapter");
  const copy = (x: Tensor2D): Tensor2D => tf.tidy(() => tf.variable(tf.clone(x), true)) as unknown as Tensor2D;
  const modules = new Map([...model.adapter.modules].map(([name, { a, b }]) => [name, { a: copy(a), b: copy(b) }] as const));
  return { ...model, adapter: { config: model.adapter.config, modules } };
}

export function disposeAdapter(adapter: Adapter): void {
  tf.dispose([...adapter.modules.values()].flatMap(({ a, b }) => [a, b]));
}

/** The base with the adapter's update added to its weights; quantised ones that it adapts become f32. The result owns all its weights and has no adapter. */
export function mergeAdapter(model: CausalLM): CausalLM {
  const { adapter, type } = model;
  const adapted = new Set([...(adapter?.modules.keys() ?? [])].map((name) => `${name}.weight`));
  const weights = new Map([...model.weights].filter(([name]) => !adapted.has(name)).map(([name, weight]) => [name, tf.clone(weight)]));
  for (const [module, { a, b }] of adapter?.modules ?? []) {
    const name = `${module}.weight`;
    const merged = tf.tidy(() => {
      const packed = model.quantized?.get(name);
      const update = tf.mul(tf.matMul(b, a), loraScale(adapter!.config));
      return tf.add(packed ? dequantized(packed) : model.weights.get(name)!, type.layout === "out-in" ? update : tf.transpose(update));
    });
    weights.set(name, merged);
  }
  const quantized = [...(model.quantized ?? [])].filter(([name]) => !adapted.has(name));
  return { ...model, weights, quantized: new Map(quantized.map(([name, weight]) => [name, clonedQuantized(weight)])), adapter: null };
}

/**
 * The model with every weight trainable, for training all parameters. The result owns the variables; the given model keeps its own.
 * @throws Error for a quantised model.
 */
export function unfreeze(model: CausalLM): CausalLM {
  if (model.quantized?.size)
    throw new Error(`unfreeze: expected weights in full, got ${model.quantized.size} quantised ones. Load the model with precision "f32"`);
  const variable = (weight: Parameters<typeof tf.variable>[0]): Variable => tf.tidy(() => tf.variable(tf.clone(weight), true)) as Variable;
  return { ...model, weights: new Map([...model.weights].map(([name, weight]) => [name, variable(weight)])) };
}

/** What training changes, by name: adapter matrices as `module.lora_A`, else weights. */
export function trainableParameters(model: CausalLM): Map<string, Variable> {
  const found = new Map<string, Variable>();
  for (const [name, weight] of model.weights) if (weight instanceof tf.Variable) found.set(name, weight);
  for (const [name, { a, b }] of model.adapter?.modules ?? []) {
    if ((a as unknown) instanceof tf.Variable) found.set(`${name}.lora_A`, a as unknown as Variable);
    if ((b as unknown) instanceof tf.Variable) found.set(`${name}.lora_B`, b as unknown as Variable);
  }
  return found;
}
