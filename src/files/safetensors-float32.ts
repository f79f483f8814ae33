import { bfloat16ToFloat32, float16ToFloat32 } from "./float16.js";
import { type Safetensors, toFloat32 } from "./safetensors.js";
import { sizeOf } from "./tensor-data.js";

/** Gives out memory of so many bytes. */
export type Memory = (bytes: number) => Uint8Array<ArrayBuffer>;

/**
 * One tensor as float32, in memory from `memory`: read from the file to where it stays, 16-bit numbers widened in place.
 * @throws RangeError for a name that is not there.
 */
export async function readFloat32(file: Safetensors, name: string, memory: Memory): Promise<Float32Array<ArrayBuffer>> {
  const { dtype, shape } = file.entries.get(name) ?? (await file.read(name)); // which refuses the name
  if (dtype !== "F32" && dtype !== "F16" && dtype !== "BF16") return toFloat32(await file.read(name));
  const count = sizeOf(shape);
  const whole = memory(4 * count);
  const { buffer, byteOffset } = whole;
  if (dtype === "F32") {
    await file.read(name, whole);
    return new Float32Array(buffer, byteOffset, count);
  }
  await file.read(name, whole.subarray(2 * count));
  const widen = dtype === "F16" ? float16ToFloat32 : bfloat16ToFloat32;
  return widen(new Uint16Array(buffer, byteOffset + 2 * count, count), new Uint32Array(buffer, byteOffset, count));
}

/** Bytes that are asked of the system at once. Those that are never written take no memory. */
const CHUNK = 2 ** 26;

/** TensorFlow takes over memory that starts at a multiple of 64, and copies any other. */
const ALIGNMENT = 64;

/** Where a chunk's first multiple of 64 is: glibc's large blocks begin 16 bytes after a page. Where they do not, all that is lost is a copy. */
const FIRST = 48;

/** Memory for tensors that stay, which TensorFlow need not copy. A chunk is freed when the last tensor in it is. */
export function tensorMemory(): Memory {
  let chunk = new ArrayBuffer(0);
  let at = 0;
  return (bytes) => {
    if (at + bytes > chunk.byteLength) {
      chunk = new ArrayBuffer(Math.max(CHUNK, FIRST + bytes));
      at = FIRST;
    }
    const given = new Uint8Array(chunk, at, bytes);
    at += Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
    return given;
  };
}

/** The same memory again and again, for what is read and not kept; it grows to what is asked. What it gave before is overwritten. */
export function reusedMemory(): Memory {
  let held = new ArrayBuffer(0);
  return (bytes) => {
    if (bytes > held.byteLength) held = new ArrayBuffer(bytes);
    return new Uint8Array(held, 0, bytes);
  };
}
