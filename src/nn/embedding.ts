import { isNative } from "../core/engine.js";
import { type Tensor, type Tensor1D, type Tensor2D, tf } from "../core/tf.js";
import { DT, nativeOp } from "./native.js";
import { isTrainable, withGradient } from "./trainable.js";

/**
 * Rows of a table: `table` `[rows, hidden]`, `indices` `[...]` int32; returns `[n, hidden]` with n the number of indices.
 * The gradient is a scatter-add, which every engine has (tfjs's own needs UnsortedSegmentSum, which WASM lacks).
 */
export function gatherRows(table: Tensor2D, indices: Tensor1D): Tensor2D {
  const { shape } = table;
  return withGradient<Tensor2D>(
    [table],
    (save) => {
      save([indices.reshape([-1, 1])]);
      return picked(table, indices);
    },
    (dy, [at]) => [tf.scatterND(at!, dy, shape)],
  );
}

/** Token embeddings: `ids` `[batch, time]` int32 to `[batch, time, hidden]`. */
export function embed(table: Tensor2D, ids: Tensor2D): Tensor {
  const flat = ids.reshape([-1]) as Tensor1D;
  const rows = isTrainable(table) ? gatherRows(table, flat) : picked(table, flat);
  return rows.reshape([...ids.shape, table.shape[1]]);
}

/** Rows of a table, without a gradient. tfjs's own gather reads all indices back to check them, which stalls the engine and cannot be compiled. */
export function picked<T extends Tensor1D | Tensor2D>(table: T, indices: Tensor1D): T {
  if (!isNative()) return tf.gather(table, indices) as T;
  const types = { Tparams: DT.float, Tindices: DT.int32, Taxis: DT.int32 };
  const attributes = Object.entries(types).map(([name, value]) => ({ name, kind: "type" as const, value }));
  return nativeOp("GatherV2", attributes, [table, indices, tf.scalar(0, "int32")])[0] as T;
}
