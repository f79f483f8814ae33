import type { Results } from "../core/compile/compile.js";
import { interruptibly } from "../core/interrupt.js";
import { type Tensor, type Tensor1D, type Tensor2D, type Tensor4D, tf } from "../core/tf.js";
import { type CausalLM, outputEmbedding } from "../models/model.js";
import { scopeOf } from "../models/scope.js";
import { cacheAttention } from "../nn/cache-attention.js";
import { picked } from "../nn/embedding.js";
import { product } from "../nn/product.js";
import { rotaryTables } from "../nn/rotary.js";
import type { Chooser } from "./choose.js";
import { compiledStep } from "./compiled-steps.js";

/** New tokens of some rows. `ids`: of one length, padded on the right; `lengths`: how many of them are none of the padding, all if absent. */
export type Tokens = {
  ids: readonly (readonly number[])[];
  lengths?: readonly number[];
  slots: readonly number[];
  /** The position of each row's first new token. */
  starts: readonly number[];
};

/** What is computed of the logits; nothing where only the cache is wanted. */
type Wanted = Pick<Chooser, "name" | "reduce"> | null;

/**
 * Passes new tokens through the model into the cache, `[2 * layers, slots, kvHeads, capacity, headDim]`, and returns what is wanted of the logits after
 * each row's last token. Owned by the caller.
 */
export function passTokens(model: CausalLM, cache: Tensor, { ids, lengths, slots, starts }: Tokens, wanted: Wanted): Results {
  const { rotary, maxPositions } = model.config;
  const [batch, time] = [ids.length, ids[0]!.length];
  const positions = Int32Array.from({ length: batch * time }, (_, i) =>
    Math.min(starts[Math.floor(i / time)]! + (i % time), maxPositions - 1),
  );
  return tf.tidy(() => {
    const tables = rotary && rotaryTables(rotary, { values: positions, batch, time });
    const ends = ids.map((_, row) => row * time + (lengths?.[row] ?? time) - 1);
    const step = stepFor(model, wanted, `${wanted?.name} ${batch}x${time} ${cache.shape}`, time > 1);
    return step(
      tf.tensor2d(ids.flat(), [batch, time], "int32"),
      tf.tensor2d(positions, [batch, time], "int32"),
      ...[slots, starts, ends].map((values) => tf.tensor1d([...values], "int32")),
      cache,
      ...(tables ? [tables.cos, tables.sin] : []),
    );
  });
}

/** Shapes in which prompts of a model have been read. */
const read = new WeakMap<CausalLM, Set<string>>();

/** Compiled, but for the first prompts of a shape: compiling takes as long as several passes, and many a shape never comes again. */
function stepFor(model: CausalLM, wanted: Wanted, shape: string, isPrompt: boolean): (...args: Tensor[]) => Results {
  const shapes = read.get(model) ?? new Set<string>();
  read.set(model, shapes);
  if (!isPrompt || shapes.has(shape)) return compiledStep(model, wanted?.name ?? "", (model, args) => stepOnTensors(model, wanted, args));
  shapes.add(shape);
  return (...args) => interruptibly(() => stepOnTensors(model, wanted, args));
}

/** The pass on tensors alone: `[ids, positions, slots, starts, ends, cache]`, and the rotary tables where the model has them. */
function stepOnTensors(model: CausalLM, wanted: Wanted, args: readonly Tensor[]): Results {
  const [ids, positions, slots, starts, ends, cache, cos, sin] = args as [
    Tensor2D,
    Tensor2D,
    Tensor1D,
    Tensor1D,
    Tensor1D,
    Tensor,
    Tensor4D?,
    Tensor4D?,
  ];
  const { type, config } = model;
  const rotary = cos && sin ? { cos, sin } : null;
  return tf.tidy(() => {
    const outer = scopeOf(model, type.prefix, null);
    let x = type.embed(outer, ids, positions);
    for (let i = 0; i < config.layers; i++) {
      const previous = x;
      x = tf.tidy(() =>
        type.forward(scopeOf(model, type.block(i), null), previous, {
          config,
          rotary,
          attend: (query, key, value) => cacheAttention(query, key, value, { cache, slots, starts }, i, config.window),
        }),
      );
      previous.dispose();
    }
    if (!wanted) return { done: x.slice([0, 0, 0], [1, 1, 1]) };
    const [batch, time] = ids.shape;
    const rows = x.reshape([batch * time, config.hidden]) as Tensor2D;
    const last = time === 1 ? rows : picked(rows, ends);
    const hidden = type.finish(outer, last.reshape([batch, 1, config.hidden]), config).reshape([batch, config.hidden]) as Tensor2D;
    return wanted.reduce(product(hidden, outputEmbedding(model), false, true));
  });
}
