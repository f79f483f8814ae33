import { isNative } from "../core/engine.js";
import { type Tensor, type Tensor1D, type Tensor2D, tf } from "../core/tf.js";
import { picked } from "./embedding.js";
import { DT, nativeOp } from "./native.js";
import { BLOCK, DYNAMIC, MAGNITUDE_BLOCK, NORMAL_FLOAT } from "./quantized-values.js";

/** Codes `[blocks, 8]` and magnitudes `[groups, 64]`, four bytes in each int32; scales `[groups, 1]`. See quantized-values.ts. */
export type Nf4Tensors = { codes: Tensor2D; magnitudes: Tensor2D; scales: Tensor2D; mean: number };

/** The numbers that codes stand for, `[blocks, 64]`, on the native engine. */
export const nf4Blocks = (tensors: Nf4Tensors): Tensor => (hasOwnOperation() ? nf4ByOwnOperation(tensors) : nf4ByGather(tensors));

/** In one pass by the addon's own operation (dequantize.cc). */
export const nf4ByOwnOperation = ({ codes, magnitudes, scales, mean }: Nf4Tensors): Tensor =>
  nativeOp("EqlabNf4", [], [codes, magnitudes, scales, tf.scalar(mean), tf.tensor2d(PAIRS, [256, 2]), tf.tensor1d(DYNAMIC)])[0]!;

/** The same in TensorFlow's operations, for a GPU; on a CPU the gather takes longer than a product of 512 rows. */
export function nf4ByGather({ codes, magnitudes, scales, mean }: Nf4Tensors): Tensor {
  const blocks = codes.shape[0];
  const groups = lookUp(DYNAMIC, magnitudes).reshape([-1, MAGNITUDE_BLOCK]);
  const magnitude = tf.add(tf.mul(groups, scales), mean).reshape([-1]).slice([0], [blocks]).reshape([blocks, 1]);
  return tf.mul(lookUp(PAIRS, codes).reshape([blocks, BLOCK]), magnitude);
}

let own: boolean | undefined;

/** Whether the addon has the operation, which runs on the CPU only. To be asked first outside a traced function, where trying shows it. */
export function hasOwnOperation(): boolean {
  if (!isNative()) return false;
  own ??= !(tf.backend() as unknown as { isUsingGpuDevice: boolean }).isUsingGpuDevice && tf.tidy(works);
  return own;
}

function works(): boolean {
  try {
    nf4ByOwnOperation({ codes: tf.zeros([1, 8], "int32"), magnitudes: tf.zeros([1, 64], "int32"), scales: tf.zeros([1, 1]), mean: 0 });
    return true;
  } catch {
    return false;
  }
}

/** For each byte the two numbers that it stands for, the upper half's first. */
const PAIRS = Float32Array.from({ length: 512 }, (_, i) => NORMAL_FLOAT[i % 2 === 0 ? i >> 5 : (i >> 1) & 15]!);

/** For each byte in `codes` its row of a table of 256 rows. */
function lookUp(table: Float32Array, codes: Tensor): Tensor {
  const width = table.length / 256;
  const bytes = castBytes(codes, DT.int32) as Tensor1D;
  return width === 1 ? picked(tf.tensor1d(table), bytes) : picked(tf.tensor2d(table, [256, width]), bytes);
}

/** TensorFlow's number for bytes, which tfjs takes for int32. */
const UINT8 = 4;

/** The four bytes of each int32, `[..., 4]`, as numbers of another type. */
export function castBytes(codes: Tensor, type: typeof DT.int32 | typeof DT.float): Tensor {
  const attribute = (name: string, value: number) => ({ name, kind: "type" as const, value });
  const bytes = nativeOp("Bitcast", [attribute("T", DT.int32), attribute("type", UINT8)], [codes])[0]!;
  return nativeOp("Cast", [attribute("SrcT", UINT8), attribute("DstT", type)], [bytes])[0]!;
}
