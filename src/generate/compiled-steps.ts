import { type Compiled, compile, type Results } from "../core/compile/compile.js";
import type { Tensor } from "../core/tf.js";
import type { CausalLM } from "../models/model.js";

/** What is computed of a model and some tensors. */
export type Step = (model: CausalLM, args: readonly Tensor[]) => Results;

/** Compiled steps live as long as their model. */
const steps = new WeakMap<CausalLM, Map<string, Compiled<Results>>>();
const collected = new FinalizationRegistry<Map<string, Compiled<Results>>>((ended) => {
  for (const step of ended.values()) step.dispose();
});

/** `step` compiled for a model, once for each name. */
export function compiledStep(model: CausalLM, name: string, step: Step): Compiled<Results> {
  let known = steps.get(model);
  if (!known) {
    known = new Map();
    steps.set(model, known);
    collected.register(model, known);
  }
  const found = known.get(name) ?? compiledFor(new WeakRef(model), step);
  known.set(name, found);
  return found;
}

/** Holds the model weakly, else it would never be collected. */
const compiledFor = (model: WeakRef<CausalLM>, step: Step): Compiled<Results> => compile("decode", (...args) => step(model.deref()!, args));
