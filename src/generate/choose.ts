import type { Results } from "../core/compile/compile.js";
import { type Tensor2D, tf } from "../core/tf.js";
import type { Row } from "./row.js";
import { checkFinite, type Sampling } from "./sampling.js";

/** A chosen token; `logProb` under the model itself, in nats, 0 where nobody asks. */
export type Choice = { id: number; logProb: number };

/** How rows come to their next token: what is computed of the logits on the device, and what of that crosses to JavaScript. */
export type Chooser = {
  name: string;
  /** `logits`: `[batch, vocab]`; part of the compiled step. */
  reduce(logits: Tensor2D): Results;
  /** The choice of each row that is not finished. Frees `results`. */
  choose(results: Results, rows: readonly Row[]): Promise<(Choice | null)[]>;
};

/** Without a penalty, greedy decoding needs the place of the highest logit alone. */
export const chooserFor = ({ temperature, repetitionPenalty }: Sampling, logProbs: boolean): Chooser =>
  temperature === 0 && repetitionPenalty === 1 ? (logProbs ? greedyWithLogProbs : greedy) : allLogits;

const greedy: Chooser = {
  name: "greedy",
  reduce: (logits) => ({ best: tf.argMax(logits, 1), sum: tf.sum(logits, 1) }),
  choose: chooseBest,
};

const greedyWithLogProbs: Chooser = {
  name: "greedy with log-probabilities",
  reduce: (logits) => ({ ...greedy.reduce(logits), logProb: tf.sub(tf.max(logits, 1), tf.logSumExp(logits, 1)) }),
  choose: chooseBest,
};

const allLogits: Chooser = {
  name: "logits",
  reduce: (logits) => ({ logits }),
  async choose(results, rows) {
    const { logits } = await read(results);
    const vocab = logits!.length / rows.length;
    return rows.map((row, i) => (row.result() ? null : row.choose((logits as Float32Array).subarray(i * vocab, (i + 1) * vocab))));
  },
};

async function chooseBest(results: Results, rows: readonly Row[]): Promise<(Choice | null)[]> {
  const { best, sum, logProb } = await read(results);
  return rows.map((row, i) => {
    if (row.result()) return null;
    checkFinite(sum![i]!);
    return { id: best![i]!, logProb: logProb?.[i] ?? 0 };
  });
}

async function read(results: Results): Promise<Record<string, Float32Array | Int32Array>> {
  try {
    const entries = Object.entries(results).map(async ([name, tensor]) => [name, await tensor.data()] as const);
    return Object.fromEntries(await Promise.all(entries)) as Record<string, Float32Array | Int32Array>;
  } finally {
    tf.dispose(results);
  }
}
