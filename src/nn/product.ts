import { isNative } from "../core/engine.js";
import { type Tensor1D, type Tensor2D, tf } from "../core/tf.js";
import { fused, hasOwnOperations } from "./fused.js";
import { DT, nativeOp } from "./native.js";

/**
 * Up to so many rows are multiplied by the addon's own operations (few-rows.cc), each as if it were alone. TensorFlow's are a tenth faster for 16 rows
 * of a matrix [in, out], but a row then depends on how many others there are.
 */
const FEW = 16;
/** Smaller matrices are not worth a second thread. */
const LARGE = 2 ** 16;

/** a·b, either transposed. Without a gradient on the native engine. */
export function product(a: Tensor2D, b: Tensor2D, transposeA = false, transposeB = false): Tensor2D {
  if (!isNative()) return tf.matMul(a, b, transposeA, transposeB);
  if (!transposeA && isOfFewRows(a, b)) return fused(ofFewRows(transposeB), [a, b])[0] as Tensor2D;
  const attributes = [
    { name: "T", kind: "type" as const, value: DT.float },
    { name: "transpose_a", kind: "bool" as const, value: transposeA },
    { name: "transpose_b", kind: "bool" as const, value: transposeB },
  ];
  return nativeOp("MatMul", attributes, [a, b])[0] as Tensor2D;
}

/** rows·matrix + bias, the matrix transposed or not. Without a gradient on the native engine. */
export function productPlus(rows: Tensor2D, matrix: Tensor2D, bias: Tensor1D, transposed: boolean): Tensor2D {
  if (!isNative()) return tf.add(tf.matMul(rows, matrix, false, transposed), bias);
  if (isOfFewRows(rows, matrix)) return fused(`${ofFewRows(transposed)}Plus`, [rows, matrix, bias])[0] as Tensor2D;
  // TensorFlow fuses this one with the product when it compiles.
  const attributes = [{ name: "T", kind: "type" as const, value: DT.float }];
  return tf.tidy(() => nativeOp("BiasAdd", attributes, [product(rows, matrix, false, transposed), bias])[0] as Tensor2D);
}

/**
 * product + scale·(rows·aᵀ)·bᵀ: what a low-rank adapter adds, as one operation for few rows; `null` where there is none. `a`: `[rank, in]`; `b`:
 * `[out, rank]`. No gradient.
 */
export function plusBranch(
  product: Tensor2D,
  rows: Tensor2D,
  { a, b, scale }: { a: Tensor2D; b: Tensor2D; scale: number },
): Tensor2D | null {
  if (rows.shape[0] > FEW || !hasOwnOperations()) return null;
  return tf.tidy(() => fused("PlusBranch", [product, rows, a, b, tf.scalar(scale)])[0] as Tensor2D);
}

const isOfFewRows = (rows: Tensor2D, matrix: Tensor2D): boolean => rows.shape[0] <= FEW && matrix.size >= LARGE && hasOwnOperations();

const ofFewRows = (transposed: boolean): string => (transposed ? "RowsTimesTransposed" : "RowsTimesMatrix");
