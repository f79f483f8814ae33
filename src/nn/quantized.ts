import { ordered } from "../core/compile/compile.js";
import { isNative } from "../core/engine.js";
import { type Tensor, type Tensor2D, tf } from "../core/tf.js";
import type { Memory } from "../files/safetensors-float32.js";
import { DT } from "./native.js";
import { castBytes, hasOwnOperation, nf4Blocks } from "./quantized-native.js";
import { BLOCK, type Channels, dequantizeInt8, dequantizeNf4, MAGNITUDE_BLOCK, quantizeInt8, quantizeNf4 } from "./quantized-values.js";

type Shape = readonly [rows: number, columns: number];

/**
 * A frozen matrix held in few bits: about 4.13 a value (`nf4`) or 8 (`int8`). Codes are bytes, four in each int32; see quantized-values.ts for
 * what they mean. Like any tensor, it belongs to whoever made it, who disposes its `tensorsOf`.
 */
export type QuantizedWeight =
  | { kind: "nf4"; shape: Shape; codes: Tensor2D; magnitudes: Tensor2D; scales: Tensor2D; mean: number }
  | { kind: "int8"; shape: Shape; channels: Channels; codes: Tensor2D; steps: Tensor2D };

/**
 * @param channels Which are the output channels of the matrix: its rows in the layout `[out, in]`. Read by `int8`.
 * @param memory Where the codes shall be.
 */
export function quantize(
  values: Float32Array,
  shape: Shape,
  kind: QuantizedWeight["kind"],
  channels: Channels,
  memory?: Memory,
): QuantizedWeight {
  if (kind === "nf4") {
    hasOwnOperation(); // asked where nothing is traced yet
    const { codes, magnitudes, scales, mean } = quantizeNf4(values, memory);
    const packed = { codes: words(codes, BLOCK / 8), magnitudes: words(magnitudes, MAGNITUDE_BLOCK / 4) };
    return { kind, shape, ...packed, scales: tf.tensor2d(scales, [scales.length, 1]), mean };
  }
  const { codes, steps } = quantizeInt8(values, shape, channels, memory);
  return { kind, shape, channels, codes: words(codes, 1), steps: tf.tensor2d(steps, channels === "rows" ? [shape[0], 1] : [1, shape[1]]) };
}

export const isQuantized = (weight: Tensor | QuantizedWeight): weight is QuantizedWeight => "kind" in weight;

/** The tensors that hold a quantised weight. */
export const tensorsOf = (weight: QuantizedWeight): Tensor[] =>
  weight.kind === "nf4" ? [weight.codes, weight.magnitudes, weight.scales] : [weight.codes, weight.steps];

/** The same values under handles of their own. */
export const clonedQuantized = (weight: QuantizedWeight): QuantizedWeight =>
  weight.kind === "nf4"
    ? { ...weight, codes: weight.codes.clone(), magnitudes: weight.magnitudes.clone(), scales: weight.scales.clone() }
    : { ...weight, codes: weight.codes.clone(), steps: weight.steps.clone() };

/** The matrix in full, float32. In a compiled function it is not made before `after` are there. No gradient passes through. */
export function dequantized(weight: QuantizedWeight, after: readonly Tensor[] = []): Tensor2D {
  return tf.tidy(() => {
    if (!isNative()) return portable(weight);
    const codes = ordered(weight.codes, after);
    return weight.kind === "nf4" ? fromNf4({ ...weight, codes }) : fromInt8({ ...weight, codes });
  });
}

function fromNf4({ shape, ...tensors }: QuantizedWeight & { kind: "nf4" }): Tensor2D {
  const whole = nf4Blocks(tensors);
  const size = shape[0] * shape[1];
  return (size === whole.size ? whole : whole.reshape([-1]).slice([0], [size])).reshape([...shape]) as Tensor2D;
}

function fromInt8({ shape, codes, steps }: QuantizedWeight & { kind: "int8" }): Tensor2D {
  const size = shape[0] * shape[1];
  const bytes = castBytes(codes, DT.float);
  const whole = size === bytes.size ? bytes : bytes.reshape([-1]).slice([0], [size]);
  return tf.mul(tf.sub(whole.reshape([...shape]), 128), steps);
}

function portable(weight: QuantizedWeight): Tensor2D {
  const shape: [number, number] = [...weight.shape];
  const bytes = (tensor: Tensor): Uint8Array<ArrayBuffer> => new Uint8Array((tensor.dataSync() as Int32Array<ArrayBuffer>).slice().buffer);
  const numbers = (tensor: Tensor): Float32Array => tensor.dataSync() as Float32Array;
  if (weight.kind === "int8") {
    const values = { codes: bytes(weight.codes), steps: numbers(weight.steps) };
    return tf.tensor2d(dequantizeInt8(values, shape, weight.channels), shape);
  }
  const { codes, magnitudes, scales, mean } = weight;
  const values = { codes: bytes(codes), magnitudes: bytes(magnitudes), scales: numbers(scales), mean };
  return tf.tensor2d(dequantizeNf4(values, shape[0] * shape[1]), shape);
}

/** Bytes as int32, so many a row. */
function words(bytes: Uint8Array<ArrayBuffer>, columns: number): Tensor2D {
  const values = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  return tf.tensor2d(values, [values.length / columns, columns], "int32");
}
