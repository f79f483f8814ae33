import { expected } from "../core/errors.js";
import { hash32, Random } from "../core/random.js";
import { checkInteger, checkNumber } from "../core/shapes.js";
import { type Tensor1D, type Tensor2D, tf, type Variable } from "../core/tf.js";
import { dropout } from "./dropout.js";
import { linear } from "./linear.js";
import { layerNorm } from "./norm.js";

/** Texts as vectors, row after row: `[n, hidden]`. */
export type Embeddings = { values: Float32Array; hidden: number };

/** `multi-label`: each class is a yes-or-no decision (sigmoid). `single-label`: one class out of all (softmax). */
export type HeadKind = "multi-label" | "single-label";

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
export type ClassificationHead = HeadShape & { dropout: number; parameters: Map<string, Variable> };

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
 * Free it with `disposeHead`.
 */
export function createHead(shape: HeadShape, { seed, dropout = 0 }: { seed: number; dropout?: number }): ClassificationHead {
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
  return headOf(shape, values, dropout);
}

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

/** `x`: `[batch, hidden]`; returns `[batch, classes]`. `dropoutSeed` is `null` where the head is evaluated. Differentiable. */
export function headLogits({ parameters, dropout: rate }: ClassificationHead, x: Tensor2D, dropoutSeed: number | null = null): Tensor2D {
  const matrix = (name: string) => parameters.get(name) as unknown as Tensor2D;
  const vector = (name: string) => parameters.get(name) as unknown as Tensor1D;
  const drop = (y: Tensor2D, place: string) => (dropoutSeed === null ? y : dropout(y, rate, hash32(`${dropoutSeed}/${place}`)));
  const normal = drop(layerNorm(x, vector("0.weight"), vector("0.bias"), EPSILON), "norm");
  const inner = drop(tf.relu(linear(normal, matrix("1.weight"), vector("1.bias"), "out-in")) as Tensor2D, "relu");
  return linear(inner, matrix("3.weight"), vector("3.bias"), "out-in") as Tensor2D;
}

/** What the head says of each embedding: `[n, classes]`, row after row. Rows of a single-label head sum to 1. */
export async function headProbabilities(head: ClassificationHead, embeddings: Embeddings, { batch = 1024 } = {}): Promise<Float32Array> {
  checkWidth(head, embeddings);
  const { hidden, classes, kind } = head;
  const rows = embeddings.values.length / hidden;
  const result = new Float32Array(rows * classes);
  for (let from = 0; from < rows; from += batch) {
    const size = Math.min(batch, rows - from);
    const probabilities = tf.tidy(() => {
      const logits = headLogits(head, tf.tensor2d(embeddings.values.subarray(from * hidden, (from + size) * hidden), [size, hidden]));
      return kind === "multi-label" ? tf.sigmoid(logits) : tf.softmax(logits, -1);
    });
    try {
      result.set(await probabilities.data(), from * classes);
    } finally {
      probabilities.dispose();
    }
  }
  return result;
}

/** @throws RangeError where the embeddings are not as wide as the head's input. */
export function checkWidth(head: HeadShape, { values, hidden }: Embeddings): void {
  if (hidden === head.hidden && values.length % hidden === 0) return;
  throw new RangeError(
    expected("embeddings", `rows of ${head.hidden} values, as the head was made for`, hidden, "Was the head trained on another model?"),
  );
}

export function disposeHead({ parameters }: ClassificationHead): void {
  tf.dispose([...parameters.values()]);
}
