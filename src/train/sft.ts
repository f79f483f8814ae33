import { type Compiled, compile } from "../core/compile/compile.js";
import { breathe, cellSignal, interruptibly } from "../core/interrupt.js";
import { type Precision, usablePrecision } from "../core/precision.js";
import { type Scalar, tf } from "../core/tf.js";
import { crossEntropySum, type LabelledTensors, labelledRows, labelledTensors } from "../losses/labelled.js";
import { weightsChecksum } from "../models/checksum.js";
import { hiddenOf, passTensors } from "../models/forward.js";
import { trainableParameters } from "../models/lora.js";
import { type CausalLM, outputEmbedding } from "../models/model.js";
import { type LossFunction, lossStep, type StepOptions } from "./gradients.js";
import { type StepResult, type Task, type TrainEvent, type TrainOptions, train } from "./loop.js";
import type { RecomputeOptions } from "./recompute.js";
import { type RowSource, rowsHash, type SftBatch, type SftRow, sftBatches, stackRows } from "./sft-rows.js";

export type SftOptions = TrainOptions &
  RecomputeOptions & {
    /** Rows in a batch. */
    batch?: number;
    /** What products and activations are computed in; where this machine gains nothing by 16 bits, f32. The start event says what and why. */
    precision?: Precision;
    /** Held-out rows. */
    evaluation?: readonly SftRow[];
  };

/**
 * Supervised fine-tuning: next-token cross-entropy on the marked tokens, mean over all marked tokens of an update. Trains the adapter of `model`, or all its
 * weights if it was unfrozen. Losses are in nats per marked token.
 * @param rows In memory, drawn in a new order in each pass; or a source, read in its own order, for data that is larger than memory.
 */
export async function* trainSft(
  model: CausalLM,
  rows: readonly SftRow[] | RowSource,
  { batch = 4, recompute, activationMemory, precision: wanted = "f32", evaluation, ...options }: SftOptions,
): AsyncGenerator<TrainEvent, void, undefined> {
  const batches = sftBatches(rows, batch, options.seed ?? 0);
  const { precision, why } = usablePrecision(wanted);
  const step = sftStep(model, { recompute, activationMemory, precision });
  const loss = compiledLoss(model);
  const task: Task<SftBatch> = {
    parameters: trainableParameters(model),
    batch: batches.at,
    step,
    size: ({ segments }) => segments.reduce((count, segment) => count + (segment > 0 ? 1 : 0), 0),
    ...(evaluation && evaluation.length > 0 ? { evaluate: async () => ({ loss: await meanLoss(model, loss, evaluation, batch) }) } : {}),
    dispose() {
      step.dispose();
      loss.dispose();
      batches.end();
    },
  };
  // The loop reports these with its own options, and resumes only a run that had the same.
  const held = evaluation && options.checkpoint ? { evaluationHash: rowsHash(evaluation) } : {};
  const frozen = options.checkpoint ? { modelHash: await weightsChecksum(model) } : {};
  const run = { ...options, batch, precision, ...(why ? { precisionReason: why } : {}), rowsHash: batches.identity, ...held, ...frozen };
  yield* train(task, run);
}

/** The loss of SFT: `args` are the rows, labels and weights of `labelledTensors`. */
const sftLossOf =
  (model: CausalLM): LossFunction =>
  (hidden, [rows, labels, weights]) => ({
    loss: crossEntropySum(hidden, outputEmbedding(model), { rows, labels, weights } as LabelledTensors),
  });

export type SftStep = { (batch: SftBatch, seed: number): Promise<StepResult>; dispose(): void };

/** What gives loss sum, count and gradients of one batch after the other; `seed` is the dropout's. Dispose it after training. */
export function sftStep(model: CausalLM, options: StepOptions): SftStep {
  const step = lossStep(model, sftLossOf(model), options);
  const call = async (inputs: SftBatch, seed: number): Promise<StepResult> => {
    const labelled = labelledRows(inputs);
    const tensors = labelledTensors(labelled);
    try {
      const { loss, gradients } = step(inputs, Object.values(tensors), seed);
      const value = (await loss.data())[0]!;
      loss.dispose();
      return { loss: value, count: labelled.rows.length, gradients };
    } finally {
      tf.dispose(tensors);
    }
  };
  return Object.assign(call, { dispose: step.dispose });
}

/** Mean loss of the marked tokens of all rows, in nats, without dropout. */
export async function sftLoss(model: CausalLM, rows: readonly SftRow[], batch = 4): Promise<number> {
  const loss = compiledLoss(model);
  try {
    return await meanLoss(model, loss, rows, batch);
  } finally {
    loss.dispose();
  }
}

/** The loss sum of a batch: of the tensors of `labelledTensors`, then those of `passTensors`. */
const compiledLoss = (model: CausalLM) =>
  compile("loss", (rows, labels, weights, ...pass) => ({ loss: sftLossOf(model)(hiddenOf(model, pass), [rows!, labels!, weights!]).loss }));

async function meanLoss(model: CausalLM, lossOf: Compiled<{ loss: Scalar }>, rows: readonly SftRow[], batch: number): Promise<number> {
  let sum = 0;
  let count = 0;
  const signal = cellSignal();
  for (let from = 0; from < rows.length; from += batch) {
    await breathe(signal);
    const inputs = stackRows(rows.slice(from, from + batch));
    const labelled = labelledRows(inputs);
    const { loss } = interruptibly(() => tf.tidy(() => lossOf(...Object.values(labelledTensors(labelled)), ...passTensors(model, inputs))));
    sum += (await loss.data())[0]!;
    loss.dispose();
    count += labelled.rows.length;
  }
  return sum / count;
}
