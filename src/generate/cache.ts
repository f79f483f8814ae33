import { type Tensor, type Tensor2D, type Tensor4D, tf } from "../core/tf.js";
import type { Inputs } from "../models/forward.js";
import { startPass } from "../models/forward.js";
import { type CausalLM, outputEmbedding, type PassContext } from "../models/model.js";
import { attentionMask } from "../nn/attention.js";

type KeyValue = { key: Tensor4D; value: Tensor4D };

/** Keys and values of all tokens so far, block by block: `[batch, kvHeads, time, headDim]`. It owns them: `dispose` it in `finally`. */
export class KeyValueCache {
  #blocks: (KeyValue | undefined)[] = [];
  #batch = 0;
  #time = 0;
  /** `[batch, time]`, 0 for padding. */
  #segments = new Int32Array();

  /** Columns held, padding included. */
  get time(): number {
    return this.#time;
  }

  /** Takes note of tokens that are about to pass through the model; the cache is either empty or holds the same rows. */
  extend({ batch, time, segments }: Inputs): void {
    if (this.#time > 0 && batch !== this.#batch) throw new RangeError(`cache: expected ${this.#batch} rows, got ${batch}`);
    const joined = new Int32Array(batch * (this.#time + time));
    for (let row = 0; row < batch; row++) {
      const start = row * (this.#time + time);
      joined.set(this.#segments.subarray(row * this.#time, (row + 1) * this.#time), start);
      joined.set(segments.subarray(row * time, (row + 1) * time), start + this.#time);
    }
    [this.#segments, this.#batch, this.#time] = [joined, batch, this.#time + time];
  }

  /** The mask for the last `queries` tokens that `extend` was told of. Owned by the caller. */
  mask(queries: number, window: number | null): Tensor4D {
    return attentionMask({ values: this.#segments, batch: this.#batch, time: this.#time }, queries, window);
  }

  /** What block `i` calls with its new keys and values. The joined ones stay the cache's. */
  join(i: number): NonNullable<PassContext["cache"]> {
    return (key, value) => {
      const past = this.#blocks[i];
      const joined = past ? { key: tf.concat([past.key, key], 2), value: tf.concat([past.value, value], 2) } : { key, value };
      this.#replace(i, joined);
      return joined;
    };
  }

  /** Keeps the given rows in the given order; a row may be named more than once. Columns that hold nothing but padding are cut. */
  select(rows: readonly number[]): void {
    const time = this.#time;
    const chosen = rows.map((row) => this.#segments.subarray(row * time, (row + 1) * time));
    const cut = Math.min(...chosen.map((segments) => segments.findIndex((segment) => segment !== 0)));
    const same = rows.length === this.#batch && rows.every((row, i) => row === i);
    if (same && cut === 0) return;
    const indices = tf.tensor1d([...rows], "int32");
    try {
      for (const [i, block] of this.#blocks.entries())
        this.#replace(
          i,
          tf.tidy(() => ({ key: pick(block!.key), value: pick(block!.value) })),
        );
    } finally {
      indices.dispose();
    }
    this.#segments = Int32Array.from(chosen.flatMap((segments) => [...segments.subarray(cut)]));
    [this.#batch, this.#time] = [rows.length, time - cut];

    function pick(x: Tensor4D): Tensor4D {
      const kept = same ? x : tf.gather(x, indices);
      return kept.slice([0, 0, cut, 0], [-1, -1, time - cut, -1]) as Tensor4D;
    }
  }

  dispose(): void {
    for (const block of this.#blocks) tf.dispose(block);
    this.#blocks = [];
    [this.#batch, this.#time, this.#segments] = [0, 0, new Int32Array()];
  }

  #replace(i: number, { key, value }: KeyValue): void {
    tf.dispose(this.#blocks[i]);
    this.#blocks[i] = { key: tf.keep(key), value: tf.keep(value) };
  }
}

/** Passes new tokens through the model and returns the logits after the last of each row, `[batch, vocab]`, owned by the caller. */
export function nextLogits(model: CausalLM, cache: KeyValueCache, inputs: Inputs): Tensor2D {
  const { type, config } = model;
  return tf.tidy(() => {
    const pass = startPass(model, inputs, null);
    cache.extend(inputs);
    const shared = { ...pass.context, mask: cache.mask(inputs.time, config.window) };
    let x: Tensor = type.embed(pass.outer, pass.ids, pass.positions);
    for (let i = 0; i < config.layers; i++) {
      const previous = x;
      x = tf.tidy(() => type.forward(pass.block(i), previous, { ...shared, cache: cache.join(i) }));
      previous.dispose();
    }
    const last = x.slice([0, inputs.time - 1, 0], [inputs.batch, 1, config.hidden]);
    const hidden = type.finish(pass.outer, last, config).reshape([inputs.batch, config.hidden]) as Tensor2D;
    return tf.matMul(hidden, outputEmbedding(model), false, true) as Tensor2D;
  });
}
