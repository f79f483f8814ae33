import type { Results } from "../core/compile/compile.js";
import { expected } from "../core/errors.js";
import { type Tensor, type Tensor2D, tf } from "../core/tf.js";
import type { CausalLM } from "../models/model.js";
import { copySlots, emptyCache } from "../nn/cache-attention.js";
import { picked } from "../nn/embedding.js";
import type { Decoding, Start } from "./decoding.js";
import { sharedStart } from "./prompt.js";
import { passTokens, type Tokens } from "./slot-pass.js";

/** Prompts are read together as long as they have so many tokens, padding included. */
const TOGETHER = 2048;
/** Lengths are multiples of this, so that few shapes have to be compiled. */
const TIMES = 16;
/** Fewest columns of a cache. */
const CAPACITY = 128;

/** All logits, which prompts are read with. */
const logitsAlone = { name: "logits", reduce: (logits: Tensor2D) => ({ logits }) };

/**
 * Decoding by the addon's own operations. Every row has a slot of the cache to itself, where its tokens lie by their positions: nothing is copied or
 * moved from step to step, and not when rows end either.
 */
export function startInSlots(model: CausalLM, { prompts, places, room, chooser }: Start): { decoding: Decoding; results: Results } {
  const { layers, kvHeads, headDim } = model.config;
  const longest = Math.max(...prompts.map(({ length }) => length));
  // A power of 2: what is too much takes address space only, and another capacity is another function to compile.
  const capacity = Math.max(CAPACITY, 2 ** Math.ceil(Math.log2(longest + Math.max(room, TIMES))));
  const cache = tf.keep(emptyCache([2 * layers, places.length, kvHeads, capacity, headDim]));
  let slots = [...places.keys()];
  let starts = places.map((place) => prompts[place]!.length);
  const decoding: Decoding = {
    next(ids) {
      if (ids.length !== slots.length) throw new RangeError(expected("decoding", `${slots.length} ids, one for each row`, ids.length));
      const results = passTokens(model, cache, { ids: ids.map((id) => [id]), slots, starts }, chooser);
      starts = starts.map((start) => start + 1);
      return results;
    },
    select(rows) {
      slots = rows.map((row) => slots[row]!);
      starts = rows.map((row) => starts[row]!);
    },
    dispose: () => cache.dispose(),
  };
  try {
    return { decoding, results: tf.tidy(() => chooser.reduce(readPrompts(model, cache, prompts, places))) };
  } catch (error) {
    cache.dispose();
    throw error;
  }
}

/** Reads each prompt into the slot of its first row, and copies it to those of the others. Returns the logits after the prompt of each row. */
function readPrompts(model: CausalLM, cache: Tensor, prompts: Start["prompts"], places: readonly number[]): Tensor2D {
  const slots = prompts.map((_, prompt) => places.indexOf(prompt));
  const shared = sharedStart(prompts);
  if (shared > 0) {
    const [first, ...others] = slots as [number, ...number[]];
    passTokens(model, cache, padded([prompts[0]!.slice(0, shared)], [first], 0), null);
    copySlots(
      cache,
      others.map((to) => ({ from: first, to, columns: shared })),
    );
  }
  const logits: Tensor2D[] = [];
  for (let from = 0; from < prompts.length; ) {
    const rests = prompts.slice(from).map((ids) => ids.slice(shared));
    const count = together(rests);
    const tokens = padded(rests.slice(0, count), slots.slice(from, from + count), shared);
    logits.push(passTokens(model, cache, tokens, logitsAlone).logits as Tensor2D);
    from += count;
  }
  const copies = places.map((place, to) => ({ from: slots[place]!, to, columns: prompts[place]!.length }));
  copySlots(
    cache,
    copies.filter(({ from, to }) => from !== to),
  );
  return picked(tf.concat(logits), tf.tensor1d([...places], "int32"));
}

/** How many of the first rows are read together. */
function together(rows: readonly (readonly number[])[]): number {
  let longest = 0;
  for (const [count, { length }] of rows.entries()) {
    longest = Math.max(longest, upTo(length, TIMES));
    if (count > 0 && longest * (count + 1) > TOGETHER) return count;
  }
  return rows.length;
}

/** Rows that all begin at one position, padded on the right. Padding lies where later tokens will, so nothing ever looks at it. */
function padded(rows: readonly (readonly number[])[], slots: readonly number[], start: number): Tokens {
  const time = upTo(Math.max(...rows.map(({ length }) => length)), TIMES);
  return {
    ids: rows.map((row) => [...row, ...new Array<number>(time - row.length).fill(0)]),
    lengths: rows.map(({ length }) => length),
    slots,
    starts: rows.map(() => start),
  };
}

const upTo = (count: number, step: number): number => Math.ceil(count / step) * step;
