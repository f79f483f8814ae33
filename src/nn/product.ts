import { isNative } from "../core/engine.js";
import { type Tensor2D, tf } from "../core/tf.js";
import { DT, nativeOp } from "./native.js";

/** Up to so many rows are multiplied by the addon's own operations (few-rows.cc): twice as fast for 2 to 4 rows, no faster for 16. */
const FEW = 8;
/** Smaller matrices are not worth a second thread. */
const LARGE = 2 ** 16;

/** a·b, either transposed. Without a gradient on the native engine. */
export function product(a: Tensor2D, b: Tensor2D, transposeA = false, transposeB = false): Tensor2D {
  if (!isNative()) return tf.matMul(a, b, transposeA, transposeB);
  if (!transposeA && a.shape[0] <= FEW && b.size >= LARGE && hasOwnOperation())
    return nativeOp(transposeB ? TRANSPOSED : MATRIX, [], [a, b])[0] as Tensor2D;
  const attributes = [
    { name: "T", kind: "type" as const, value: DT.float },
    { name: "transpose_a", kind: "bool" as const, value: transposeA },
    { name: "transpose_b", kind: "bool" as const, value: transposeB },
  ];
  return nativeOp("MatMul", attributes, [a, b])[0] as Tensor2D;
}

const MATRIX = "EqlabRowsTimesMatrix";
const TRANSPOSED = "EqlabRowsTimesTransposed";

let own: boolean | undefined;

/** The addon has them for the CPU only. */
function hasOwnOperation(): boolean {
  own ??= !(tf.backend() as unknown as { isUsingGpuDevice: boolean }).isUsingGpuDevice;
  return own;
}
