import { createHash } from "node:crypto";
import { breathe, cellSignal } from "../core/interrupt.js";
import { Random } from "../core/random.js";
import { checkInteger } from "../core/shapes.js";
import { tf } from "../core/tf.js";
import { crossEntropySum, type Labelled, labelledRows } from "../losses/labelled.js";
import { hiddenStates } from "../models/forward.js";
import { trainableParameters } from "../models/lora.js";
import { type CausalLM, outputEmbedding } from "../models/model.js";
import { lossGradients } from "./gradients.js";
import { type Task, train, type TrainEvent, type TrainOptions } from "./loop.js";

/** Rows of tokens to learn from: what `packRows` makes. `[batch, time]`, row after row. */
export type SftBatch = Labelled & { positions: Int32Array };

/** One row: ids, marks, segments and positions of `time` tokens. */
export type SftRow = {
  ids: ArrayLike<number>;
  targets: ArrayLike<number | boolean>;
  segments: ArrayLike<number>;
  positions: ArrayLike<number>;
};

export type SftOptions = TrainOptions & {
  /** Rows in a batch. */
  batch?: number;
  /** Keep only block inputs and compute blocks twice: less memory, a third more arithmetic. */
  recompute?: boolean;
  /** Held-out rows. */
  evaluation?: readonly SftRow[];
};

/** Puts rows of equal length under each other. */
export function stackRows(rows: readonly SftRow[]): SftBatch {
  const time = rows[0]!.ids.length;
  const joined = (pick: (row: SftRow) => ArrayLike<number | boolean>) =>
    Int32Array.from(rows.flatMap((row) => Array.from(pick(row), Number)));
  return {
    batch: rows.length,
    time,
    ids: joined((row) => row.ids),
    segments: joined((row) => row.segments),
    positions: joined((row) => row.positions),
    targets: Uint8Array.from(joined((row) => row.targets)),
  };
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

/**
 * Supervised fine-tuning: next-token cross-entropy on the marked tokens, mean over all marked tokens of an update. Trains the adapter of `model`, or all its
 * weights if it was unfrozen. Losses are in nats per marked token.
 */
export async function* trainSft(
  model: CausalLM,
  rows: readonly SftRow[],
  { batch = 4, recompute = false, evaluation, ...options }: SftOptions,
): AsyncGenerator<TrainEvent, void, undefined> {
  const pick = batchesOf(rows, batch, options.seed ?? 0);
  const task: Task<SftBatch> = {
    parameters: trainableParameters(model),
    batch: (index) => stackRows(pick(index)),
    step: (inputs, seed) => sftStep(model, inputs, { recompute, seed }),
    size: ({ segments }) => segments.reduce((count, segment) => count + (segment > 0 ? 1 : 0), 0),
    ...(evaluation && evaluation.length > 0 ? { evaluate: async () => ({ loss: await sftLoss(model, evaluation, batch) }) } : {}),
  };
  // The loop reports these with its own options, and resumes only a run that had the same.
  const run = { ...options, batch, rowsHash: rowsHash(rows) };
  yield* train(task, run);
}

function rowsHash(rows: readonly SftRow[]): string {
  const hash = createHash("sha256");
  for (const { ids, targets } of rows) {
    hash.update(Int32Array.from(ids)).update(Uint8Array.from(targets, Number));
  }
  return hash.digest("hex").slice(0, 16);
}

/** Loss sum, count and gradients of one batch. */
export async function sftStep(model: CausalLM, inputs: SftBatch, { recompute, seed }: { recompute: boolean; seed: number }) {
  const labelled = labelledRows(inputs);
  const { loss, gradients } = lossGradients(model, inputs, (hidden) => crossEntropySum(hidden, outputEmbedding(model), labelled), {
    recompute,
    dropoutSeed: seed,
  });
  const value = (await loss.data())[0]!;
  loss.dispose();
  return { loss: value, count: labelled.rows.length, gradients };
}

/** Mean loss of the marked tokens of all rows, in nats, without dropout. */
export async function sftLoss(model: CausalLM, rows: readonly SftRow[], batch = 4): Promise<number> {
  let sum = 0;
  let count = 0;
  const signal = cellSignal();
  for (let from = 0; from < rows.length; from += batch) {
    await breathe(signal);
    const inputs = stackRows(rows.slice(from, from + batch));
    const labelled = labelledRows(inputs);
    const loss = tf.tidy(() => crossEntropySum(hiddenStates(model, inputs), outputEmbedding(model), labelled));
    sum += (await loss.data())[0]!;
    loss.dispose();
    count += labelled.rows.length;
  }
  return sum / count;
}
