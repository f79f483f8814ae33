/** Rows of tokens on their way into training. */
import { createHash } from "node:crypto";
import { Random } from "../core/random.js";
import { checkInteger } from "../core/shapes.js";
import type { Labelled } from "../losses/labelled.js";

/** Rows of tokens to learn from, `[batch, time]`, row after row. */
export type SftBatch = Labelled & { positions: Int32Array };

/** One row: ids, marks, segments and positions of `time` tokens. */
export type SftRow = {
  ids: ArrayLike<number>;
  targets: ArrayLike<number | boolean>;
  segments: ArrayLike<number>;
  positions: ArrayLike<number>;
};

/** Rows that are read while training goes on. */
export type RowSource = {
  /** Begins at the first row; the same rows each time. Rows that a resumed run has seen are read over. */
  start(): AsyncIterable<SftRow>;
  /** Names the rows: a run is resumed only with the same name. */
  identity: string;
};

/** Batches by number, what names their rows, and the end of reading. */
export type SftBatches = { at(index: number): Promise<SftBatch>; identity: string; end(): void };

export function sftBatches(rows: readonly SftRow[] | RowSource, size: number, seed: number): SftBatches {
  if ("start" in rows) return streamed(rows, size);
  const pick = batchesOf(rows, size, seed);
  return { at: async (index) => stackRows(pick(index)), identity: rowsHash(rows), end() {} };
}

/** Reads on from where it is; a pass that ends is followed by the next. */
function streamed({ start, identity }: RowSource, size: number): SftBatches {
  let reader: AsyncIterator<SftRow> | undefined;
  let next = 0;
  let read = 0;
  const row = async (): Promise<SftRow> => {
    reader ??= start()[Symbol.asyncIterator]();
    const { value, done } = await reader.next();
    if (!done) {
      read++;
      return value;
    }
    if (read === 0) throw new RangeError(`rows of ${identity}: expected at least one, got none`);
    [reader, read] = [undefined, 0];
    return row();
  };
  return {
    identity,
    async at(index) {
      for (; next < index * size; next++) await row();
      const rows: SftRow[] = [];
      for (; rows.length < size; next++) rows.push(await row());
      return stackRows(rows);
    },
    end() {
      void reader?.return?.();
    },
  };
}

/** Puts rows of equal length under each other. */
export function stackRows(rows: readonly SftRow[]): SftBatch {
  const time = rows[0]!.ids.length;
  const size = rows.length * time;
  const [ids, segments, positions, targets] = [new Int32Array(size), new Int32Array(size), new Int32Array(size), new Uint8Array(size)];
  rows.forEach((row, i) => {
    ids.set(row.ids, i * time);
    segments.set(row.segments, i * time);
    positions.set(row.positions, i * time);
    targets.set(Uint8Array.from(row.targets, Number), i * time);
  });
  return { batch: rows.length, time, ids, segments, positions, targets };
}

/** Batches by number: each pass over the rows in a new seeded order, the last batch of a pass filled from the next pass. */
export function batchesOf<T>(items: readonly T[], size: number, seed: number): (index: number) => T[] {
  checkInteger("batch", size, 1);
  if (items.length === 0) throw new RangeError("batches: expected at least one row, got none");
  const orders = new Map<number, T[]>();
  const order = (pass: number): T[] => {
    if (!orders.has(pass)) {
      if (orders.size > 2) orders.clear();
      orders.set(pass, new Random(`${seed}/pass/${pass}`).shuffled(items));
    }
    return orders.get(pass)!;
  };
  return (index) =>
    Array.from({ length: size }, (_, i) => {
      const at = index * size + i;
      return order(Math.floor(at / items.length))[at % items.length]!;
    });
}

export function rowsHash(rows: readonly SftRow[]): string {
  const hash = createHash("sha256");
  for (const { ids, targets } of rows) {
    hash.update(Int32Array.from(ids)).update(Uint8Array.from(targets, Number));
  }
  return hash.digest("hex").slice(0, 16);
}
