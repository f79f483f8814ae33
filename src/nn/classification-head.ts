import { expected } from "../core/errors.js";
import { Random } from "../core/random.js";
import { checkInteger, checkNumber } from "../core/shapes.js";
import { type Tensor1D, type Tensor2D, tf, type Variable } from "../core/tf.js";
import { type DropoutSeed, dropout } from "./dropout.js";
import { linear } from "./linear.js";
import { layerNorm } from "./norm.js";

/** Texts as vectors, row after row: `[n, hidden]`. */
export type Embeddings = { values: Float32Array; hidden: number };

/** `multi-label`: each class is a yes-or-no decision (sigmoid). `single-label`: one class out of all (softmax). */
export type HeadKind = "multi-label" | "single-label";

/**
 * What a multi-label head learns by. Only plain `bce` without weights gives probabilities that mean something; the others move the decisions at one half
 * towards rare labels.
 */
export type MultiLabelLoss =
  /** Binary cross-entropy. `positiveWeights`: how much a label that holds counts, one for each class, as torch's `pos_weight`. */
  | { kind: "bce"; positiveWeights?: readonly number[] }
  /** -α (1 - p)^γ ln p, p being the probability of what is true; α for labels that hold, 1 - α for the others; `null` for none (Lin et al. 2017). */
  | { kind: "focal"; gamma?: number; alpha?: number | null }
  /**
   * -(1 - p)^γ₊ ln p for labels that hold, -q^γ₋ ln(1 - q) with q = max(p - margin, 0) for the others (Ridnik et al. 2021).
   */
  | { kind: "asymmetric"; gammaPositive?: number; gammaNegative?: number; margin?: number };

/** True where the loss leaves a head's probabilities what they are: probabilities. */
export const isUnweighted = (loss: MultiLabelLoss): boolean => loss.kind === "bce" && loss.positiveWeights === undefined;

export type HeadShape = {
  kind: HeadKind;
  /** Width of the embeddings. */
  hidden: number;
  /** Width between the two linear layers. */
  inner: number;
  classes: number;
};

/**
 * LayerNorm → Linear → ReLU → Linear. `parameters` have the names of torch's `nn.Sequential(LayerNorm, Linear, ReLU, Linear)`. `dropout` is the
 * share dropped after the norm and after the ReLU while training.
 */
export type ClassificationHead = HeadShape & {
  dropout: number;
  parameters: Map<string, Variable>;
  /** While a mix of layers is learnt: how many stand side by side in an embedding. Their weights are the softmax of the parameter `mix`. */
  layers?: number;
  /** Why its probabilities must not be summed; absent where they may be. */
  skewed?: string;
};

/** The numbers of a mix stand for ten times as much, so that they find their place in as many steps as the other parameters. */
const MIX_SCALE = 10;

/** torch's default for LayerNorm. */
const EPSILON = 1e-5;

/** The shapes of a head's parameters, in the order of torch's `state_dict()`. */
export const headShapes = ({ hidden, inner, classes }: HeadShape): Map<string, number[]> =>
  new Map([
    ["0.weight", [hidden]],
    ["0.bias", [hidden]],
    ["1.weight", [inner, hidden]],
    ["1.bias", [inner]],
    ["3.weight", [classes, inner]],
    ["3.bias", [classes]],
  ]);

/**
 * A head with fresh weights, drawn as torch's Linear does: weights (Kaiming, a = √5) and biases uniform within ±1/√in; norm 1 and 0.
 * With `layers` it reads so many vectors side by side and learns how to mix them, from all alike. Free it with `disposeHead`.
 */
export function createHead(
  shape: HeadShape,
  { seed, dropout = 0, layers }: { seed: number; dropout?: number; layers?: number },
): ClassificationHead {
  const values = new Map<string, Float32Array>();
  for (const [name, size] of headShapes(shape)) {
    const count = size.reduce((a, b) => a * b, 1);
    if (name.startsWith("0.")) {
      values.set(name, new Float32Array(count).fill(name === "0.weight" ? 1 : 0));
      continue;
    }
    const bound = 1 / Math.sqrt(name.startsWith("1.") ? shape.hidden : shape.inner);
    const random = new Random(`${seed}/${name}`);
    values.set(
      name,
      Float32Array.from({ length: count }, () => (2 * random.uniform() - 1) * bound),
    );
  }
  const head = headOf(shape, values, dropout);
  if (layers === undefined) return head;
  head.parameters.set("mix", tf.tidy(() => tf.variable(tf.zeros([layers]), true)) as Variable);
  return { ...head, layers };
}

/** Ends the learning of a mix: the weights of the layers, and the head that reads what they mix. The head takes over the parameters. */
export async function settledMix({ layers: _, ...head }: ClassificationHead): Promise<{ head: ClassificationHead; mix: number[] }> {
  const learnt = head.parameters.get("mix")!;
  const weights = tf.tidy(() => mixWeights(learnt as unknown as Tensor1D));
  const mix = Array.from(await weights.data());
  head.parameters.delete("mix");
  tf.dispose([weights, learnt]);
  return { head, mix };
}

const mixWeights = (numbers: Tensor1D): Tensor1D => tf.softmax(tf.mul(numbers, MIX_SCALE)) as Tensor1D;

/** A head with the given weights. @throws RangeError where one is missing or has another size. */
export function headOf(shape: HeadShape, values: ReadonlyMap<string, Float32Array>, dropout = 0): ClassificationHead {
  for (const name of ["hidden", "inner", "classes"] as const) checkInteger(`head ${name}`, shape[name], 1);
  checkNumber("head dropout", dropout, 0, 0.999);
  const shapes = [...headShapes(shape)];
  for (const [name, size] of shapes) {
    const count = size.reduce((a, b) => a * b, 1);
    const got = values.get(name)?.length ?? 0;
    if (got !== count) throw new RangeError(expected(`head parameter ${name}`, `${count} values ([${size.join(", ")}])`, got));
  }
  const { kind, hidden, inner, classes } = shape;
  const variable = (name: string, size: number[]) => tf.tidy(() => tf.variable(tf.tensor(values.get(name)!, size), true)) as Variable;
  return { kind, hidden, inner, classes, dropout, parameters: new Map(shapes.map(([name, size]) => [name, variable(name, size)])) };
}

/** `x`: `[batch, hidden]`, or `[batch, layers × hidden]` while a mix is learnt; returns `[batch, classes]`. `dropoutSeed` is `null` where the head is evaluated. Differentiable. */
export function headLogits(
  { parameters, dropout: rate, hidden, layers }: ClassificationHead,
  x: Tensor2D,
  dropoutSeed: DropoutSeed | null = null,
): Tensor2D {
  const matrix = (name: string) => parameters.get(name) as unknown as Tensor2D;
  const vector = (name: string) => parameters.get(name) as unknown as Tensor1D;
  const drop = (y: Tensor2D, place: string) => (dropoutSeed === null ? y : dropout(y, rate, dropoutSeed, place));
  const mixed = layers
    ? (tf.sum(tf.mul(x.reshape([-1, layers, hidden]), mixWeights(vector("mix")).reshape([1, layers, 1])), 1) as Tensor2D)
    : x;
  const normal = drop(layerNorm(mixed, vector("0.weight"), vector("0.bias"), EPSILON), "norm");
  const inner = drop(tf.relu(linear(normal, matrix("1.weight"), vector("1.bias"), "out-in")) as Tensor2D, "relu");
  return linear(inner, matrix("3.weight"), vector("3.bias"), "out-in") as Tensor2D;
}

/** What the head says of each embedding: `[n, classes]`, row after row. Rows of a single-label head sum to 1. */
export const headProbabilities = (
  head: ClassificationHead,
  embeddings: Embeddings,
  options: { batch?: number } = {},
): Promise<Float32Array> =>
  outputsOf(head, embeddings, (logits) => (head.kind === "multi-label" ? tf.sigmoid(logits) : tf.softmax(logits, -1)), options);

/** The same before sigmoid or softmax. */
export const headScores = (head: ClassificationHead, embeddings: Embeddings, options: { batch?: number } = {}): Promise<Float32Array> =>
  outputsOf(head, embeddings, (logits) => logits, options);

async function outputsOf(
  head: ClassificationHead,
  embeddings: Embeddings,
  finish: (logits: Tensor2D) => Tensor2D,
  { batch = 1024 }: { batch?: number },
): Promise<Float32Array> {
  checkWidth(head, embeddings);
  const { values, hidden } = embeddings;
  const rows = values.length / hidden;
  const result = new Float32Array(rows * head.classes);
  for (let from = 0; from < rows; from += batch) {
    const size = Math.min(batch, rows - from);
    const outputs = tf.tidy(() =>
      finish(headLogits(head, tf.tensor2d(values.subarray(from * hidden, (from + size) * hidden), [size, hidden]))),
    );
    try {
      result.set(await outputs.data(), from * head.classes);
    } finally {
      outputs.dispose();
    }
  }
  return result;
}

/** Scales and shifts a head's logits for good, by class: `scale × logit + shift`, put into its last layer, so that whoever reads the head reads them so. */
export function scaleLogits({ parameters, classes }: ClassificationHead, scale: readonly number[], shift: readonly number[]): void {
  const [weight, bias] = [parameters.get("3.weight")!, parameters.get("3.bias")!];
  tf.tidy(() => {
    const factors = tf.tensor1d([...scale]);
    weight.assign(tf.mul(weight, factors.reshape([classes, 1])));
    bias.assign(tf.add(tf.mul(bias, factors), tf.tensor1d([...shift])));
  });
}

/** @throws RangeError for a head whose probabilities must not be summed: trained with weights, or not calibrated. */
export function checkSummable(thing: string, { skewed }: ClassificationHead): void {
  if (skewed === undefined) return;
  const remedy = 'Train one with the loss { kind: "bce" } and calibration';
  throw new RangeError(expected(thing, "an unweighted, calibrated head, because its probabilities are summed", skewed, remedy));
}

/** @throws RangeError where the embeddings are not as wide as the head's input. */
export function checkWidth(head: HeadShape & { layers?: number }, { values, hidden }: Embeddings): void {
  const width = head.hidden * (head.layers ?? 1);
  if (hidden === width && values.length % hidden === 0) return;
  throw new RangeError(
    expected("embeddings", `rows of ${width} values, as the head was made for`, hidden, "Was the head trained on another model?"),
  );
}

export function disposeHead({ parameters }: ClassificationHead): void {
  tf.dispose([...parameters.values()]);
}
