import { type Tensor, type Tensor1D, type Tensor2D, tf } from "../core/tf.js";
import { dropped } from "./dropout.js";
import { fused, hasOwnOperations } from "./fused.js";
import { type LoraBranch, loraBranch } from "./lora.js";
import { plusBranch, product, productPlus } from "./product.js";
import { dequantized, isQuantized, type QuantizedWeight } from "./quantized.js";
import { isRecording, isTrainable, withGradient } from "./trainable.js";

/** How a weight lies in memory: `[out, in]` as in torch's Linear, or `[in, out]` as in GPT-2's Conv1D (`fan_in_fan_out` in PEFT). */
export type WeightLayout = "out-in" | "in-out";

/**
 * x·W (+ bias) (+ the adapter's branch). `x`: `[..., in]`; returns `[..., out]`. Where W and bias are frozen, this is one operation with a gradient
 * of its own: it keeps x and dropout(x)·Aᵀ for the way back, nothing without an adapter, and a quantised W in full only while it multiplies.
 */
export function linear(
  x: Tensor,
  weight: Tensor2D | QuantizedWeight,
  bias: Tensor1D | null,
  layout: WeightLayout,
  branch: LoraBranch | null = null,
): Tensor {
  if (isQuantized(weight) || !(isTrainable(weight) || isTrainable(bias))) return frozenLinear(x, weight, bias, layout, branch);
  const rows = rowsOf(x);
  const product = tf.matMul(rows, weight, false, layout === "out-in");
  const y = bias ? tf.add(product, bias) : product;
  return shapedLike(x, branch ? tf.add(y, loraBranch(rows, branch)) : y);
}

function frozenLinear(
  x: Tensor,
  weight: Tensor2D | QuantizedWeight,
  bias: Tensor1D | null,
  layout: WeightLayout,
  branch: LoraBranch | null,
): Tensor {
  const trained = branch !== null && (isTrainable(branch.a) || isTrainable(branch.b));
  return withGradient(
    trained ? [x, branch.a, branch.b] : [x],
    (save) => {
      const rows = rowsOf(x);
      const y = timesWeight(rows, weight, layout === "out-in", bias);
      if (!branch) return shapedLike(x, y);
      const adapted = isRecording() || branch.dropout ? null : plusBranch(y, rows, branch);
      if (adapted) return shapedLike(x, adapted);
      const low = product(branchInput(rows, branch), scaled(branch.a, branch), false, true);
      if (trained) save([x, low]);
      return shapedLike(x, plusProduct(y, low, branch.b, true));
    },
    (dy, [input, low]) =>
      tf.tidy(() => {
        const d = rowsOf(dy);
        const dx = timesWeight(d, weight, layout === "in-out");
        if (!branch) return [shapedLike(dy, dx)];
        const dLow = product(d, branch.b);
        const a = scaled(branch.a, branch);
        const all = branch.dropout ? tf.add(dx, dropped(product(dLow, a), branch.dropout)) : plusProduct(dx, dLow, a, false);
        const sum = shapedLike(dy, all);
        if (!trained) return [sum];
        const dA = scaled(product(dLow, branchInput(rowsOf(input!), branch), true), branch);
        return [sum, dA, product(d, low as Tensor2D, true)];
      }),
  );
}

/** y + low·m, or low·mᵀ, in the place of y where nobody else needs it. */
function plusProduct(y: Tensor2D, low: Tensor2D, m: Tensor2D, transposed: boolean): Tensor2D {
  if (!hasOwnOperations()) return tf.add(y, product(low, m, false, transposed));
  return tf.tidy(() => fused("AddLowRank", [y, low, transposed ? tf.transpose(m) : m])[0] as Tensor2D);
}

/** d·W or d·Wᵀ, plus the bias. A quantised weight is made anew for each product and freed after it; in a compiled function not before `rows` are there. */
function timesWeight(rows: Tensor2D, weight: Tensor2D | QuantizedWeight, transposed: boolean, bias: Tensor1D | null = null): Tensor2D {
  if (isQuantized(weight)) {
    const matrix = dequantized(weight, [rows]);
    const result = timesWeight(rows, matrix, transposed, bias);
    matrix.dispose();
    return result;
  }
  return bias ? productPlus(rows, weight, bias, transposed) : product(rows, weight, false, transposed);
}

const branchInput = (rows: Tensor2D, { dropout }: LoraBranch): Tensor2D => (dropout ? dropped(rows, dropout) : rows);

/** The branch's factor goes into the smallest matrix at hand; it makes up for what dropout takes. */
function scaled(small: Tensor2D, { scale, dropout }: LoraBranch): Tensor2D {
  const factor = scale / (1 - (dropout?.rate ?? 0));
  return factor === 1 ? small : tf.mul(small, factor);
}

const rowsOf = (x: Tensor): Tensor2D => (x.rank === 2 ? x : x.reshape([-1, x.shape.at(-1)!])) as Tensor2D;

const shapedLike = (x: Tensor, rows: Tensor): Tensor => (x.rank === 2 ? rows : rows.reshape([...x.shape.slice(0, -1), rows.shape[1]!]));
