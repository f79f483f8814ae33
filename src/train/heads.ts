import { createHash } from "node:crypto";
import { compile, type Results } from "../core/compile/compile.js";
import { expected } from "../core/errors.js";
import { interruptibly } from "../core/interrupt.js";
import { type Scalar, type Tensor, type Tensor1D, type Tensor2D, tf } from "../core/tf.js";
import { multiLabelLoss } from "../losses/multi-label.js";
import { softmaxCrossEntropy } from "../losses/softmax.js";
import { type ClassificationHead, checkWidth, type Embeddings, headLogits, type MultiLabelLoss } from "../nn/classification-head.js";
import type { DropoutSeed } from "../nn/dropout.js";
import { differentiate } from "../nn/trainable.js";
import { type StepResult, type Task, type TrainEvent, type TrainOptions, train } from "./loop.js";
import { batchesOf } from "./sft-rows.js";

/** Embeddings with the classes of each row; exactly one where the head is single-label. */
export type HeadExamples = { embeddings: Embeddings; labels: readonly (readonly number[])[] };

export type HeadTrainOptions = Partial<TrainOptions> & {
  /** Rows in a batch. */
  batch?: number;
  /** Passes over the rows; `steps` goes before it. Default 40, or as many as make 600 updates. */
  epochs?: number;
  /** Of a multi-label head. Default plain cross-entropy, the only one that leaves its probabilities calibrated. */
  loss?: MultiLabelLoss;
  /** Held-out rows; without them there is neither early stop nor a best step. */
  validation?: HeadExamples;
};

const PLAIN: MultiLabelLoss = { kind: "bce" };

/**
 * Trains a head on embeddings, by default with an unweighted loss, so that its probabilities stay calibrated. Evaluates after each epoch (of 20 updates or more), stops after
 * `patience` of them without a better validation loss and ends with the best parameters. Losses are in nats per decision (multi-label) or per row.
 */
export async function* trainHead(
  head: ClassificationHead,
  examples: HeadExamples,
  given: HeadTrainOptions = {},
): AsyncGenerator<TrainEvent, void, undefined> {
  const { batch = 256, epochs, validation, loss = PLAIN, ...rest } = given;
  checkExamples(head, examples, "head training rows");
  if (validation) checkExamples(head, validation, "head validation rows");
  const perEpoch = Math.ceil(examples.labels.length / batch);
  const options: TrainOptions = {
    steps: epochs === undefined ? Math.max(40 * perEpoch, 600) : epochs * perEpoch,
    learningRate: 1e-3,
    schedule: "constant",
    evaluateEvery: Math.max(perEpoch, 20),
    patience: validation ? 5 : 0,
    keepBest: validation !== undefined,
    ...rest,
    optimizer: { weightDecay: 1e-2, ...rest.optimizer },
  };
  // A run is gone on with only with the same loss and rows.
  const named = rest.checkpoint ? { batch, loss, examplesHash: examplesHash(examples, validation) } : {};
  const pick = batchesOf([...examples.labels.keys()], batch, options.seed ?? 0);
  const step = headStep(head, loss);
  const task: Task<number[]> = {
    parameters: head.parameters,
    batch: pick,
    step: (rows, seed) => step(examples, rows, seed),
    size: (rows) => rows.length,
    ...(validation ? { evaluate: async () => ({ loss: await headLoss(head, validation, { loss }) }) } : {}),
  };
  try {
    yield* train(task, { ...options, ...named });
  } finally {
    step.dispose();
  }
}

export type HeadStep = {
  /** Loss sum, count and gradients of the given rows; the gradients are the caller's. `dropoutSeed`: a 32-bit whole number. */
  (examples: HeadExamples, rows: readonly number[], dropoutSeed: number): Promise<StepResult>;
  /** Why steps run operation by operation; empty where they run compiled. */
  readonly fallback: string;
  dispose(): void;
};

/** The step of one training; it keeps what it has compiled until it is disposed of. */
export function headStep(head: ClassificationHead, loss: MultiLabelLoss = PLAIN): HeadStep {
  const names = [...head.parameters.keys()];
  const compiled = compile("head", (x, y, seed): Results => {
    const sum = () => lossOf(head, x as Tensor2D, y!, seed as Tensor1D, loss);
    const { value, grads } = differentiate(sum, [...head.parameters.values()]);
    return { loss: value, ...Object.fromEntries(names.map((name, i) => [`of ${name}`, grads[i]!])) };
  });
  const run = async (examples: HeadExamples, rows: readonly number[], dropoutSeed: number): Promise<StepResult> => {
    const found = interruptibly(() =>
      tf.tidy(() => {
        const { x, y } = rowsOf(head, examples, rows);
        return compiled(x, y, tf.tensor1d([dropoutSeed | 0, 0], "int32"));
      }),
    );
    const sum = (await found.loss!.data())[0]!;
    found.loss!.dispose();
    const gradients = new Map(names.map((name) => [name, found[`of ${name}`]!]));
    return { loss: sum, count: rows.length * decisions(head), gradients };
  };
  const { dispose } = compiled;
  return Object.defineProperty(Object.assign(run, { dispose }), "fallback", { get: () => compiled.fallback }) as HeadStep;
}

/** How many losses a row adds up. */
const decisions = ({ kind, classes }: ClassificationHead): number => (kind === "multi-label" ? classes : 1);

/** Mean loss over all rows, without dropout, in nats per decision (multi-label) or per row. */
export async function headLoss(
  head: ClassificationHead,
  examples: HeadExamples,
  { batch = 1024, loss = PLAIN }: { batch?: number; loss?: MultiLabelLoss } = {},
): Promise<number> {
  checkExamples(head, examples, "head rows");
  const all = [...examples.labels.keys()];
  let sum = 0;
  for (let from = 0; from < all.length; from += batch) {
    const total = tf.tidy(() => {
      const { x, y } = rowsOf(head, examples, all.slice(from, from + batch));
      return lossOf(head, x, y, null, loss);
    });
    sum += (await total.data())[0]!;
    total.dispose();
  }
  return sum / (all.length * decisions(head));
}

function lossOf(head: ClassificationHead, x: Tensor2D, y: Tensor, dropoutSeed: DropoutSeed | null, loss: MultiLabelLoss): Scalar {
  const logits = headLogits(head, x, dropoutSeed);
  const { sum } = head.kind === "multi-label" ? multiLabelLoss(loss, logits, y as Tensor2D) : softmaxCrossEntropy(logits, y.as1D());
  return sum;
}

/** The rows' embeddings `[rows, hidden]` and targets: `[rows, classes]` of 0 and 1, or `[rows]` int32. */
function rowsOf(
  { kind, classes }: ClassificationHead,
  { embeddings, labels }: HeadExamples,
  rows: readonly number[],
): { x: Tensor2D; y: Tensor } {
  const { hidden } = embeddings;
  const values = new Float32Array(rows.length * hidden);
  rows.forEach((row, i) => {
    values.set(embeddings.values.subarray(row * hidden, (row + 1) * hidden), i * hidden);
  });
  const x = tf.tensor2d(values, [rows.length, hidden]);
  if (kind === "single-label")
    return {
      x,
      y: tf.tensor1d(
        Int32Array.from(rows, (row) => labels[row]![0]!),
        "int32",
      ),
    };
  const targets = new Float32Array(rows.length * classes);
  rows.forEach((row, i) => {
    for (const label of labels[row]!) targets[i * classes + label] = 1;
  });
  return { x, y: tf.tensor2d(targets, [rows.length, classes]) };
}

/** 16 hex digits that change with any embedding or label. */
function examplesHash(...all: (HeadExamples | undefined)[]): string {
  const hash = createHash("sha256");
  for (const examples of all) {
    if (!examples) continue;
    const { values, hidden } = examples.embeddings;
    hash.update(JSON.stringify([hidden, examples.labels])).update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
  return hash.digest("hex").slice(0, 16);
}

function checkExamples(head: ClassificationHead, { embeddings, labels }: HeadExamples, thing: string): void {
  checkWidth(head, embeddings);
  const rows = embeddings.values.length / embeddings.hidden;
  if (labels.length !== rows || rows === 0)
    throw new RangeError(expected(thing, `labels for ${rows} embeddings, and at least one`, labels.length));
  const one = head.kind === "single-label";
  const valid = (row: readonly number[]) =>
    (!one || row.length === 1) && row.every((label) => Number.isInteger(label) && label >= 0 && label < head.classes);
  const wrong = labels.findIndex((row) => !valid(row));
  if (wrong >= 0)
    throw new RangeError(
      expected(`${thing}: row ${wrong}`, `${one ? "one class" : "classes"} from 0 to ${head.classes - 1}`, labels[wrong]),
    );
}
