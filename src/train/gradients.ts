import { compile, ordered, type Results } from "../core/compile/compile.js";
import type { Precision } from "../core/compile/mixed.js";
import { interruptibly } from "../core/interrupt.js";
import { type Scalar, type Tensor, type Tensor1D, type Tensor3D, tf, type Variable } from "../core/tf.js";
import { type Inputs, type Pass, passTensors, startPass } from "../models/forward.js";
import { trainableParameters } from "../models/lora.js";
import type { CausalLM } from "../models/model.js";
import { differentiate, type Gradients } from "../nn/trainable.js";
import { sumOfSquares } from "../optim/clip.js";
import { type RecomputeOptions, recomputedBlocks } from "./recompute.js";

/**
 * From hidden states `[batch, time, hidden]` and the batch's own tensors to the loss, a sum over the batch in nats, and to what else is to be
 * reported. Differentiable in `hidden`. What differs from batch to batch comes in `args`, never as numbers.
 */
export type LossFunction = (hidden: Tensor3D, args: readonly Tensor[]) => { loss: Scalar; others?: Record<string, Tensor> };

/** All tensors are the caller's. */
export type LossGradients = { loss: Scalar; gradients: Map<string, Tensor>; others: Record<string, Tensor> };

export type LossStep = {
  /** Loss and gradients of one batch. `args`: the loss's, which stay the caller's; `dropoutSeed`: a 32-bit whole number. */
  (inputs: Inputs, args: readonly Tensor[], dropoutSeed: number): LossGradients;
  /** Why steps run operation by operation; empty where they run compiled. */
  readonly fallback: string;
  dispose(): void;
};

export type StepOptions = RecomputeOptions & {
  /**
   * `bf16` and `f16`: matrix products and activations in 16 bits, weights and optimizer in f32; where the engine compiles nothing, f32. With `f16` the
   * loss is scaled up on the way back (Micikevicius et al. 2018): by less from the first batch whose gradients overflow, which is computed again.
   */
  precision?: Precision;
};

/** How much the loss is scaled up at first in f16, and after how many steps without an overflow it is doubled. */
const FIRST_SCALE = 2 ** 14;
const SCALE_STEPS = 500;

/**
 * The step that training repeats: the loss of a batch and its gradient by every trainable parameter, compiled on the native engine for each
 * shape of batch. Dispose it after training.
 */
export function lossStep(model: CausalLM, loss: LossFunction, options: StepOptions): LossStep {
  const { precision = "f32" } = options;
  const parameters = trainableParameters(model);
  const count = model.config.rotary ? 5 : 3;
  const dropout = (model.adapter?.config.dropout ?? 0) > 0;
  const stepped = (scale: Tensor, seed: Tensor, ...tensors: Tensor[]): Results => {
    const pass = startPass(model, tensors.slice(0, count), dropout ? (seed as Tensor1D) : null);
    const lossOf = (hidden: Tensor3D) => loss(hidden, tensors.slice(count));
    const recomputed = recomputedBlocks(model, pass.ids.shape, options);
    const found =
      recomputed === 0 ? whole(model, pass, lossOf, parameters, scale) : blockwise(recomputed, model, pass, lossOf, parameters, scale);
    return { loss: found.loss, ...prefixed(found.gradients), ...found.others };
  };
  const compiled = compile("step", stepped as (...tensors: Tensor[]) => Results, { precision });
  const scaled = lossScale(precision);
  const step = (inputs: Inputs, args: readonly Tensor[], dropoutSeed: number): LossGradients => {
    const run = (): Results => {
      const given = [tf.tensor1d([dropoutSeed | 0, 0], "int32"), ...passTensors(model, inputs), ...args];
      return scaled((scale) => compiled(tf.scalar(scale), ...given));
    };
    return parted(interruptibly(() => tf.tidy(run)));
  };
  const { dispose } = compiled;
  return Object.defineProperty(Object.assign(step, { dispose }), "fallback", { get: () => compiled.fallback }) as unknown as LossStep;
}

/** What names of gradients begin with among the results. */
const GRADIENT = "of ";

/** Runs a step with the scale of its precision, again with a smaller one where gradients are not finite, and takes the scale out of them. */
function lossScale(precision: Precision): (run: (scale: number) => Results) => Results {
  if (precision !== "f16") return (run) => run(1);
  let [scale, good] = [FIRST_SCALE, 0];
  return (run) => {
    for (;;) {
      const found = run(scale);
      const gradients = Object.entries(found).filter(([name]) => name.startsWith(GRADIENT));
      const { sum } = sumOfSquares(...gradients.map(([, gradient]) => gradient));
      if (Number.isFinite(sum.dataSync()[0]!) || scale <= 1) {
        for (const [name, gradient] of gradients) found[name] = tf.div(gradient, scale);
        if (++good % SCALE_STEPS === 0) scale *= 2;
        return found;
      }
      [scale, good] = [scale / 2, 0];
    }
  };
}

function parted({ loss, ...rest }: Results): LossGradients {
  const [gradients, others] = [new Map<string, Tensor>(), {} as Record<string, Tensor>];
  for (const [name, tensor] of Object.entries(rest)) {
    if (name.startsWith(GRADIENT)) gradients.set(name.slice(GRADIENT.length), tensor);
    else others[name] = tensor;
  }
  return { loss: loss as Scalar, gradients, others };
}

const prefixed = (tensors: Map<string, Tensor>): Results =>
  Object.fromEntries([...tensors].map(([name, tensor]) => [GRADIENT + name, tensor]));

type Loss = (hidden: Tensor3D) => ReturnType<LossFunction>;

/** `f` for a gradient; what it returns beside the loss outlives the tidy around it. */
function reporting(f: () => ReturnType<LossFunction>): { value: () => Tensor; others: () => Record<string, Tensor> } {
  let others: Record<string, Tensor> = {};
  const value = (): Tensor => {
    const found = f();
    others = Object.fromEntries(Object.entries(found.others ?? {}).map(([name, tensor]) => [name, tf.keep(tensor)]));
    return found.loss;
  };
  // Given to the tidy that is open by then, as a tensor of its own.
  const taken = () =>
    Object.fromEntries(
      Object.entries(others).map(([name, tensor]) => {
        const copy = tf.clone(tensor);
        tensor.dispose();
        return [name, copy];
      }),
    );
  return { value, others: taken };
}

function whole(model: CausalLM, pass: Pass, loss: Loss, parameters: Map<string, Variable>, scale: Tensor): LossGradients {
  const { value, others } = reporting(() => {
    let x = model.type.embed(pass.outer, pass.ids, pass.positions);
    for (let i = 0; i < model.config.layers; i++) x = model.type.forward(pass.block(i), x, pass.context);
    return loss(model.type.finish(pass.outer, x, model.config) as Tensor3D);
  });
  const found = differentiate(value, [...parameters.values()], scale);
  const gradients = new Map<string, Tensor>();
  [...parameters.keys()].forEach((name, i) => {
    add(gradients, name, found.grads[i]);
  });
  return { loss: found.value as Scalar, gradients, others: others() };
}

function add(sums: Map<string, Tensor>, name: string, gradient: Tensor | null | undefined): void {
  if (!gradient) return;
  const previous = sums.get(name);
  sums.set(name, previous ? tf.add(previous, gradient) : gradient);
}

/** Keeps only the inputs of the first `recomputed` blocks, and computes each of these once more on the way back. */
function blockwise(recomputed: number, ...[model, pass, loss, parameters, scale]: Parameters<typeof whole>): LossGradients {
  const { type, config } = model;
  const gradients = new Map<string, Tensor>();
  const forward = (i: number, x: Tensor): Tensor => type.forward(pass.block(i), x, pass.context);
  const xs: Tensor[] = [tf.tidy(() => type.embed(pass.outer, pass.ids, pass.positions))];
  for (let i = 0; i < recomputed; i++) xs.push(tf.tidy(() => forward(i, xs[i]!)));

  /** Differentiates one part by its input and its own parameters; returns its value and the gradient of its input. */
  const step = (f: () => Tensor, input: Tensor | null, names: string[], dy?: Tensor): Gradients => {
    const { value, grads } = differentiate(f, [...(input ? [input] : []), ...names.map((name) => parameters.get(name)!)], dy);
    names.forEach((name, i) => {
      add(gradients, name, grads[i + (input ? 1 : 0)]);
    });
    return { value, grads };
  };
  const prefixes = Array.from({ length: config.layers }, (_, i) => type.block(i));
  const inBlock = (i: number) => [...parameters.keys()].filter((name) => name.startsWith(prefixes[i]!));
  const outside = [...parameters.keys()].filter((name) => !prefixes.some((prefix) => name.startsWith(prefix)));
  const above = prefixes.flatMap((_, i) => (i < recomputed ? [] : inBlock(i)));

  const end = xs[recomputed]!;
  const { value, others } = reporting(() => {
    let x = end;
    for (let i = recomputed; i < config.layers; i++) x = forward(i, x);
    return loss(type.finish(pass.outer, x, config) as Tensor3D);
  });
  const last = step(value, end, [...above, ...outside], scale);
  const result = { loss: last.value as Scalar, gradients, others: others() };
  let dy: Tensor = last.grads[0]!;
  for (let i = recomputed - 1; i >= 0; i--) {
    const names = inBlock(i);
    const first = i === 0 && outside.length === 0;
    if (first && names.length === 0) break;
    // A compiled step would else compute all blocks a second time before it needs them.
    const x = ordered(xs[i]!, [dy]);
    const { value, grads } = step(() => forward(i, x), first ? null : x, names, dy);
    tf.dispose([value, dy, xs[i + 1]!]);
    if (!first) dy = grads[0]!;
  }
  if (outside.length > 0) step(() => type.embed(pass.outer, pass.ids, pass.positions), null, outside, dy);
  return result;
}
