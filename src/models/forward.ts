import { expected } from "../core/errors.js";
import { interruptibly } from "../core/interrupt.js";
import { type Tensor, type Tensor2D, type Tensor3D, type Tensor4D, tf } from "../core/tf.js";
import { attention } from "../nn/attention.js";
import { attentionMask } from "../nn/attention-mask.js";
import type { DropoutSeed } from "../nn/dropout.js";
import { rotaryTables } from "../nn/rotary.js";
import { isRecording } from "../nn/trainable.js";
import { type CausalLM, outputEmbedding, type PassContext, type Scope } from "./model.js";
import { scopeOf } from "./scope.js";

/**
 * Token ids on their way into a model: `[batch, time]`, row after row. `segments`: 0 for padding; tokens see each other only where the numbers are equal.
 * `positions`: each token's position in its own sequence. `parents`: the number of one more segment that a token sees,
 * 0 for none: so two replies share a prompt.
 */
export type Inputs = {
  batch: number;
  time: number;
  ids: Int32Array;
  segments: Int32Array;
  positions: Int32Array;
  parents?: Int32Array;
};

/** One row of tokens without padding, or several of equal length. */
export function inputsOf(rows: readonly ArrayLike<number>[]): Inputs {
  const time = rows[0]?.length ?? 0;
  const odd = rows.find((row) => row.length !== time);
  if (time === 0 || odd)
    throw new RangeError(expected("inputsOf", "rows of one length, at least 1", odd?.length ?? 0, "Use padRows for unequal rows"));
  const ids = new Int32Array(rows.length * time);
  for (const [i, row] of rows.entries()) ids.set(Array.from(row), i * time);
  return { batch: rows.length, time, ids, segments: new Int32Array(ids.length).fill(1), positions: ids.map((_, i) => i % time) };
}

/** Rows of unequal length, padded on the given side to the longest. */
export function padRows(rows: readonly ArrayLike<number>[], { padId, side }: { padId: number; side: "left" | "right" }): Inputs {
  const time = Math.max(...rows.map((row) => row.length));
  const size = rows.length * time;
  const inputs: Inputs = {
    batch: rows.length,
    time,
    ids: new Int32Array(size).fill(padId),
    segments: new Int32Array(size),
    positions: new Int32Array(size),
  };
  rows.forEach((row, r) => {
    const start = r * time + (side === "left" ? time - row.length : 0);
    for (let i = 0; i < row.length; i++) {
      inputs.ids[start + i] = row[i]!;
      inputs.segments[start + i] = 1;
      inputs.positions[start + i] = i;
    }
  });
  return inputs;
}

/** The tensors that a pass needs of `inputs`, the caller's: ids and positions `[batch, time]`, the mask, and rotary tables where the model turns. */
export function passTensors(model: CausalLM, inputs: Inputs): Tensor[] {
  checkInputs(model, inputs);
  const { config } = model;
  const { batch, time, ids, positions, segments, parents } = inputs;
  const mask = attentionMask({ values: segments, batch, time, ...(parents ? { parents } : {}) }, time, config.window);
  const rotary = config.rotary && rotaryTables(config.rotary, { values: positions, batch, time });
  const whole = [ids, positions].map((values) => tf.tensor2d(values, [batch, time], "int32"));
  return [...whole, mask, ...(rotary ? [rotary.cos, rotary.sin] : [])];
}

/** What one pass through the model shares, and the scopes of its parts. */
export type Pass = { context: PassContext; outer: Scope; block(i: number): Scope; ids: Tensor2D; positions: Tensor2D };

/**
 * @param tensors What `passTensors` made.
 * @param dropoutSeed Seeds the adapter's dropout: a number, or an int32 tensor `[2]`; `null` where the model is evaluated.
 */
export function startPass(model: CausalLM, tensors: readonly Tensor[], dropoutSeed: DropoutSeed | null): Pass {
  const { config, type } = model;
  const [ids, positions, mask, cos, sin] = tensors as [Tensor2D, Tensor2D, Tensor4D, Tensor4D?, Tensor4D?];
  return {
    context: {
      config,
      rotary: cos && sin ? { cos, sin } : null,
      attend: (query, key, value) => attention(query, key, value, mask, 1 / Math.sqrt(config.headDim), { causal: true }),
    },
    outer: scopeOf(model, type.prefix, dropoutSeed),
    block: (i) => scopeOf(model, type.block(i), dropoutSeed),
    ids,
    positions,
  };
}

/** Hidden states after the final norm, `[batch, time, hidden]`, of what `passTensors` made. Owned by the caller. */
export function hiddenOf(model: CausalLM, tensors: readonly Tensor[]): Tensor3D {
  return tf.tidy(() => {
    const pass = startPass(model, tensors, null);
    let x: Tensor = model.type.embed(pass.outer, pass.ids, pass.positions);
    for (let i = 0; i < model.config.layers; i++) {
      const previous = x;
      x = tf.tidy(() => model.type.forward(pass.block(i), previous, pass.context));
      if (!isRecording()) previous.dispose();
    }
    return model.type.finish(pass.outer, x, model.config) as Tensor3D;
  });
}

/** Hidden states after the final norm, `[batch, time, hidden]`. Owned by the caller. */
export function hiddenStates(model: CausalLM, inputs: Inputs): Tensor3D {
  return interruptibly(() => tf.tidy(() => hiddenOf(model, passTensors(model, inputs))));
}

/** Logits of every position, `[batch, time, vocab]`. For short inputs; losses never hold them whole. Owned by the caller. */
export function logitsOf(model: CausalLM, inputs: Inputs): Tensor3D {
  return tf.tidy(() => {
    const hidden = hiddenStates(model, inputs);
    const flat = hidden.reshape([inputs.batch * inputs.time, model.config.hidden]);
    const logits = tf.matMul(flat as Tensor2D, outputEmbedding(model), false, true);
    return logits.reshape([inputs.batch, inputs.time, model.config.vocab]) as Tensor3D;
  });
}

function checkInputs({ config }: CausalLM, { batch, time, ids, segments, positions }: Inputs): void {
  for (const [name, values] of Object.entries({ ids, segments, positions })) {
    if (values.length !== batch * time) throw new RangeError(expected(`inputs.${name}`, `${batch} x ${time} numbers`, values.length));
  }
  const wrong = ids.findIndex((id) => id < 0 || id >= config.vocab);
  if (wrong >= 0) {
    throw new RangeError(
      expected("inputs.ids", `token ids from 0 to ${config.vocab - 1}`, ids[wrong], "Does the tokenizer belong to this model?"),
    );
  }
  const far = positions.findIndex((position) => position >= config.maxPositions);
  if (far >= 0)
    throw new RangeError(
      expected(
        "inputs",
        `at most ${config.maxPositions} tokens in a sequence (the model's limit)`,
        positions[far]! + 1,
        "Shorten the text",
      ),
    );
}
