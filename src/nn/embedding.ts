import { type Tensor, type Tensor1D, type Tensor2D, tf } from "../core/tf.js";
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
      return tf.gather(table, indices) as Tensor2D;
    },
    (dy, [at]) => [tf.scatterND(at!, dy, shape)],
  );
}

/** Token embeddings: `ids` `[batch, time]` int32 to `[batch, time, hidden]`. */
export function embed(table: Tensor2D, ids: Tensor2D): Tensor {
  const flat = ids.reshape([-1]) as Tensor1D;
  const rows = isTrainable(table) ? gatherRows(table, flat) : tf.gather(table, flat);
  return rows.reshape([...ids.shape, table.shape[1]]);
}
