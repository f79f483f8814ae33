import { expected } from "../core/errors.js";
import { type Scalar, type Tensor, type Tensor2D, tf } from "../core/tf.js";
import { multiLabelLoss } from "../losses/multi-label.js";
import { softmaxCrossEntropy } from "../losses/softmax.js";
import { type ClassificationHead, checkWidth, type Embeddings, headLogits, type MultiLabelLoss } from "../nn/classification-head.js";
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
  const pick = batchesOf([...examples.labels.keys()], batch, options.seed ?? 0);
  const task: Task<number[]> = {
    parameters: head.parameters,
    batch: pick,
    step: (rows, seed) => headStep(head, examples, rows, seed, loss),
    size: (rows) => rows.length,
    ...(validation ? { evaluate: async () => ({ loss: await headLoss(head, validation, { loss }) }) } : {}),
  };
  yield* train(task, options);
}

/** Loss sum, count and gradients of the given rows. The gradients are the caller's. */
export async function headStep(
  head: ClassificationHead,
  examples: HeadExamples,
  rows: readonly number[],
  dropoutSeed: number | null,
  loss: MultiLabelLoss = PLAIN,
): Promise<StepResult> {
  let count = 0;
  const { value, grads } = tf.tidy(() => {
    const { x, y } = rowsOf(head, examples, rows);
    return tf.variableGrads(() => {
      const total = lossOf(head, x, y, dropoutSeed, loss);
      count = total.count;
      return total.sum;
    }, [...head.parameters.values()]);
  });
  const gradients = new Map([...head.parameters].map(([name, { name: key }]) => [name, grads[key]!]));
  const sum = (await value.data())[0]!;
  value.dispose();
  return { loss: sum, count, gradients };
}

/** Mean loss over all rows, without dropout, in nats per decision (multi-label) or per row. */
export async function headLoss(
  head: ClassificationHead,
  examples: HeadExamples,
  { batch = 1024, loss = PLAIN }: { batch?: number; loss?: MultiLabelLoss } = {},
): Promise<number> {
  checkExamples(head, examples, "head rows");
  const all = [...examples.labels.keys()];
  let [sum, count] = [0, 0];
  for (let from = 0; from < all.length; from += batch) {
    const total = tf.tidy(() => {
      const { x, y } = rowsOf(head, examples, all.slice(from, from + batch));
      const part = lossOf(head, x, y, null, loss);
      count += part.count;
      return part.sum;
    });
    sum += (await total.data())[0]!;
    total.dispose();
  }
  return sum / count;
}

function lossOf(
  head: ClassificationHead,
  x: Tensor2D,
  y: Tensor,
  dropoutSeed: number | null,
  loss: MultiLabelLoss,
): { sum: Scalar; count: number } {
  const logits = headLogits(head, x, dropoutSeed);
  return head.kind === "multi-label" ? multiLabelLoss(loss, logits, y as Tensor2D) : softmaxCrossEntropy(logits, y.as1D());
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
