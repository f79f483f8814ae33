import { type Tensor, type Tensor2D, type Tensor4D, tf } from "../core/tf.js";
import { type Inputs, padRows } from "../models/forward.js";
import { type CausalLM, outputEmbedding } from "../models/model.js";
import { scopeOf } from "../models/scope.js";
import { attention } from "../nn/attention.js";
import { attentionMask } from "../nn/attention-mask.js";
import { rotaryTables } from "../nn/rotary.js";
import { KeyValueCache } from "./cache.js";

/** From this many tokens on, what all prompts begin with is read by itself. */
const SHARED = 16;

/**
 * Reads prompts in one pass, what all of them begin with once, and returns their cache and the logits after the last token of each, `[prompts, vocab]`.
 * Both belong to the caller.
 */
export function readPrompts(model: CausalLM, prompts: readonly (readonly number[])[]): { cache: KeyValueCache; logits: Tensor2D } {
  const shared = sharedStart(prompts);
  const [logits, held] = tf.tidy(() => {
    const start = shared > 0 ? pass(model, padded([prompts[0]!.slice(0, shared)], 0), null).held : null;
    const rests = prompts.map((ids) => ids.slice(shared));
    const { states, held } = pass(model, padded(rests, shared), start);
    const [batch, time, hidden] = states.shape as [number, number, number];
    const ends = tf.tensor1d(
      rests.map(({ length }, row) => row * time + length - 1),
      "int32",
    );
    const last = tf.gather(states.reshape([batch * time, hidden]), ends).reshape([batch, 1, hidden]);
    const finished = model.type.finish(scopeOf(model, model.type.prefix, null), last, model.config);
    return [tf.matMul(finished.reshape([batch, hidden]) as Tensor2D, outputEmbedding(model), false, true) as Tensor2D, tf.stack(held)];
  });
  const cache = new KeyValueCache(
    held,
    prompts.map(({ length }) => length),
  );
  return { cache, logits };
}

/** How many tokens to read once for all: at least one of each prompt is left. */
export function sharedStart(prompts: readonly (readonly number[])[]): number {
  if (prompts.length < 2) return 0;
  const [first] = prompts as [readonly number[]];
  let shared = Math.min(...prompts.map(({ length }) => length)) - 1;
  for (const ids of prompts) {
    const differs = ids.findIndex((id, i) => id !== first[i]);
    if (differs >= 0) shared = Math.min(shared, differs);
  }
  return shared >= SHARED ? shared : 0;
}

/** Rows padded on the right, whose first token has position `first`. Padding is never looked at, so its id does not matter. */
function padded(rows: readonly (readonly number[])[], first: number): Inputs {
  const inputs = padRows(rows, { padId: 0, side: "right" });
  return { ...inputs, positions: inputs.positions.map((position, i) => (inputs.segments[i] === 0 ? 0 : position + first)) };
}

/**
 * Hidden states before the final norm, `[batch, time, hidden]`, and keys and values of all blocks in turn, `[batch, kvHeads, start + time, headDim]`.
 * @param start Keys and values of tokens that stand before every row: `[1, kvHeads, start, headDim]` each.
 */
function pass(
  model: CausalLM,
  { batch, time, ids, segments, positions }: Inputs,
  start: Tensor[] | null,
): { states: Tensor; held: Tensor[] } {
  const { type, config } = model;
  const before = start ? start[0]!.shape[2]! : 0;
  const mask = attentionMask({ values: seen(segments, batch, time, before), batch, time: before + time }, time, config.window);
  const rotary = config.rotary && rotaryTables(config.rotary, { values: positions, batch, time });
  const held: Tensor[] = [];
  let states = type.embed(
    scopeOf(model, type.prefix, null),
    tf.tensor2d(ids, [batch, time], "int32"),
    tf.tensor2d(positions, [batch, time], "int32"),
  );
  for (let i = 0; i < config.layers; i++) {
    const previous = states;
    const join = (part: number, x: Tensor4D) => (start ? tf.concat([tf.tile(start[part]!, [batch, 1, 1, 1]) as Tensor4D, x], 2) : x);
    const [after, key, value] = tf.tidy(() => {
      let joined!: { key: Tensor4D; value: Tensor4D };
      const attend = (query: Tensor4D, key: Tensor4D, value: Tensor4D) => {
        joined = { key: join(2 * i, key), value: join(2 * i + 1, value) };
        return attention(query, joined.key, joined.value, mask, 1 / Math.sqrt(config.headDim), { causal: true });
      };
      const x = type.forward(scopeOf(model, type.block(i), null), previous, { config, rotary, attend });
      return [x, joined.key, joined.value];
    }) as [Tensor, Tensor4D, Tensor4D];
    previous.dispose();
    states = after;
    held.push(key, value);
  }
  return { states, held };
}

/** The segments of rows that have `before` tokens more in front. */
function seen(segments: Int32Array, batch: number, time: number, before: number): Int32Array {
  const all = new Int32Array(batch * (before + time)).fill(1);
  for (let row = 0; row < batch; row++) all.set(segments.subarray(row * time, (row + 1) * time), row * (before + time) + before);
  return all;
}
