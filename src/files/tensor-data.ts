import { expected } from "../core/errors.js";
import { bfloat16ToFloat32, float16ToFloat32, float32ToBfloat16, float32ToFloat16 } from "./float16.js";

/** Bytes of one value of each dtype that we read. */
export const DTYPE_BYTES = { BOOL: 1, U8: 1, I8: 1, I16: 2, F16: 2, BF16: 2, I32: 4, F32: 4, F64: 8, I64: 8 } as const;

export type Dtype = keyof typeof DTYPE_BYTES;

/** A tensor as it lies in a file: row-major, little-endian. */
export type TensorData = { dtype: Dtype; shape: number[]; data: Uint8Array };

/** How many values a tensor of this shape has; not a safe integer where the product overflows. */
export const sizeOf = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);

/**
 * The values as float32, in memory of their own: F16, BF16 and the small integers exactly, F64, I32 and I64 to the nearest
 * (ties to even), BOOL as 0 or 1.
 * @throws RangeError where the data is not as long as dtype and shape say.
 */
export function toFloat32({ dtype, shape, data }: TensorData): Float32Array<ArrayBuffer> {
  const count = sizeOf(shape);
  if (data.length !== count * DTYPE_BYTES[dtype]) {
    throw new RangeError(expected(`${dtype} tensor [${shape.join(", ")}]`, `${count * DTYPE_BYTES[dtype]} bytes`, data.length));
  }
  // Typed arrays want an aligned start, which bytes out of a file need not have. A copy is needed anyway for F32.
  const aligned = dtype !== "F32" && data.byteOffset % DTYPE_BYTES[dtype] === 0;
  const { buffer, byteOffset } = aligned ? data : new Uint8Array(data);
  switch (dtype) {
    case "F32":
      return new Float32Array(buffer as ArrayBuffer, byteOffset, count);
    case "F16":
      return float16ToFloat32(new Uint16Array(buffer, byteOffset, count));
    case "BF16":
      return bfloat16ToFloat32(new Uint16Array(buffer, byteOffset, count));
    case "F64":
      return new Float32Array(new Float64Array(buffer, byteOffset, count));
    case "I64":
      return Float32Array.from(Array.from(new BigInt64Array(buffer, byteOffset, count), nearestFloat32));
    case "I32":
      return new Float32Array(new Int32Array(buffer, byteOffset, count));
    case "I16":
      return new Float32Array(new Int16Array(buffer, byteOffset, count));
    case "I8":
      return new Float32Array(new Int8Array(buffer, byteOffset, count));
    case "U8":
      return new Float32Array(new Uint8Array(buffer, byteOffset, count));
    case "BOOL":
      return new Float32Array(new Uint8Array(buffer, byteOffset, count).map((value) => (value === 0 ? 0 : 1)));
    default:
      return dtype satisfies never;
  }
}

/** Float32 values as a tensor of a floating dtype, rounded to the nearest (ties to even). @throws RangeError where the shape does not fit. */
export function fromFloat32(values: Float32Array, shape: readonly number[], dtype: "F32" | "F16" | "BF16"): TensorData {
  if (sizeOf(shape) !== values.length)
    throw new RangeError(expected(`shape [${shape.join(", ")}]`, `${values.length} values`, sizeOf(shape)));
  const bits = dtype === "F32" ? values.slice() : dtype === "F16" ? float32ToFloat16(values) : float32ToBfloat16(values);
  return { dtype, shape: [...shape], data: new Uint8Array(bits.buffer) };
}

/** Through float64 alone, a whole number beyond 2^53 would be rounded twice; so its lost bits stay behind as one odd bit. */
function nearestFloat32(value: bigint): number {
  if (value === BigInt.asIntN(53, value)) return Number(value);
  const upper = value >> 11n;
  return Number(upper << 11n === value ? upper : upper | 1n) * 2048;
}
