import { isNative } from "../core/engine.js";
import { expected } from "../core/errors.js";
import { type Tensor, type Tensor4D, tf } from "../core/tf.js";

/** Columns in which new tokens are collected before they are joined to the others: a step copies these alone. */
export const RECENT = 15;

const FORBIDDEN = -1e9;

/**
 * Keys and values of all tokens so far. Two tensors hold those of all blocks, the keys of block i at 2·i and its values at 2·i + 1. Their shapes change
 * seldom, so that a compiled step fits many tokens. The cache owns them: `dispose` it in `finally`.
 */
export class KeyValueCache {
  #past: Tensor;
  #recent: Tensor;
  /** For each row the position of the token in each used column of `past`; -1 where the column holds nothing for it. */
  #columns: Int32Array[];
  /** How many of the last columns of `recent` are used. */
  #fresh = 0;
  /** The position of each row's next token. */
  #next: Int32Array;

  /**
   * @param prompts `[2 * layers, batch, kvHeads, time, headDim]`, padded on the right; the cache owns it from now on.
   * @param lengths Tokens in each row.
   */
  constructor(prompts: Tensor, lengths: readonly number[]) {
    const [parts, batch, kvHeads, time, headDim] = prompts.shape as [number, number, number, number, number];
    if (lengths.length !== batch) throw new RangeError(expected("cache", `${batch} lengths, one for each row`, lengths.length));
    this.#columns = lengths.map((length) => Int32Array.from({ length: time }, (_, i) => (i < length ? i : -1)));
    this.#next = Int32Array.from(lengths);
    this.#past = replaced(prompts, (x) => padColumns(x, capacityFor(time)));
    this.#recent = tf.keep(tf.zeros([parts, batch, kvHeads, RECENT, headDim]));
  }

  get batch(): number {
    return this.#next.length;
  }

  /** `[2 * layers, batch, kvHeads, capacity, headDim]`; the cache's. */
  get past(): Tensor {
    return this.#past;
  }

  /** `[2 * layers, batch, kvHeads, RECENT, headDim]`, the newest token last; the cache's. */
  get recent(): Tensor {
    return this.#recent;
  }

  /** The position of each row's next token. */
  get positions(): Int32Array {
    return this.#next;
  }

  /** What the next token of each row may see of `past`, `recent` and itself: `[batch, 1, 1, capacity + RECENT + 1]`, 0 or -1e9. Owned by the caller. */
  mask(window: number | null): Tensor4D {
    const capacity = this.#past.shape[3]!;
    const width = capacity + RECENT + 1;
    const mask = new Float32Array(this.batch * width).fill(FORBIDDEN);
    for (const [row, columns] of this.#columns.entries()) {
      const line = mask.subarray(row * width, (row + 1) * width);
      const oldest = window === null ? 0 : Math.max(0, this.#next[row]! - window + 1);
      columns.forEach((position, column) => {
        if (position >= oldest) line[column] = 0;
      });
      line.fill(0, width - 1 - Math.min(this.#fresh, this.#next[row]! - oldest));
    }
    return tf.tensor4d(mask, [this.batch, 1, 1, width]);
  }

  /** Takes over `recent` as a step returned it: moved up by one, with the step's token at its end. */
  push(recent: Tensor): void {
    this.#recent.dispose();
    this.#recent = tf.keep(recent);
    this.#fresh++;
    this.#next = this.#next.map((position) => position + 1);
    if (this.#fresh === RECENT) this.#join();
  }

  /** Keeps the given rows in the given order; a row may be named more than once. */
  select(rows: readonly number[]): void {
    if (rows.length === this.batch && rows.every((row, i) => row === i)) return;
    const gathered = (x: Tensor) => tf.gather(x, tf.tensor1d([...rows], "int32"), 1);
    this.#past = replaced(this.#past, gathered);
    this.#recent = replaced(this.#recent, gathered);
    this.#columns = rows.map((row) => this.#columns[row]!);
    this.#next = Int32Array.from(rows, (row) => this.#next[row]!);
  }

  dispose(): void {
    tf.dispose([this.#past, this.#recent]);
  }

  /** Moves what is in `recent` to `past`. */
  #join(): void {
    const used = this.#columns[0]!.length;
    this.#past = replaced(this.#past, (x) => {
      const [parts, batch, kvHeads, , headDim] = x.shape as [number, number, number, number, number];
      const joined = tf.concat([x.slice([0, 0, 0, 0, 0], [parts, batch, kvHeads, used, headDim]), this.#recent], 3);
      return padColumns(joined, capacityFor(used + RECENT));
    });
    this.#columns = this.#columns.map((columns, row) => {
      const first = this.#next[row]! - RECENT;
      return Int32Array.from({ length: used + RECENT }, (_, i) => columns[i] ?? first + i - used);
    });
    this.#fresh = 0;
  }
}

/** Columns reserved for `time` tokens: steps of 32, from 128 on of a quarter, so that few shapes have to be compiled. Other engines compute what is needed. */
function capacityFor(time: number): number {
  if (!isNative()) return time;
  const step = Math.max(32, 2 ** Math.floor(Math.log2(time)) / 4);
  return Math.ceil(time / step) * step;
}

function padColumns(x: Tensor, capacity: number): Tensor {
  const [parts, batch, kvHeads, time, headDim] = x.shape as [number, number, number, number, number];
  if (time === capacity) return x.clone();
  return tf.concat([x, tf.zeros([parts, batch, kvHeads, capacity - time, headDim])], 3);
}

/** What `f` makes of `x`, which is freed. */
function replaced(x: Tensor, f: (x: Tensor) => Tensor): Tensor {
  const result = tf.keep(tf.tidy(() => f(x)));
  x.dispose();
  return result;
}
