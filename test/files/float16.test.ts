import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bfloat16ToFloat32, float16ToFloat32, float32ToBfloat16, float32ToFloat16 } from "../../src/files/float16.js";
import { fromFloat32, toFloat32 } from "../../src/files/tensor-data.js";

type Stored = {
  edges: [bits: number, float16: number, bfloat16: number][];
  walk: { count: number; float16: string; bfloat16: string };
  widened: { float16: string; bfloat16: string };
  int64: [string, number][];
};
const stored = JSON.parse(readFileSync(new URL("../reference/float16.json", import.meta.url), "utf8")) as Stored;

const digest = (array: Uint16Array | Uint32Array) => createHash("sha256").update(new Uint8Array(array.buffer)).digest("hex");
const fromBits = (bits: number[] | Uint32Array) => new Float32Array(Uint32Array.from(bits).buffer);
const toBits = (values: Float32Array) => new Uint32Array(values.buffer, values.byteOffset, values.length);
/** The stored values have one NaN only. */
const oneNan = <T extends Uint16Array | Uint32Array>(bits: T, values: Float32Array, nan: number): T =>
  bits.map((value, i) => (Number.isNaN(values[i]) ? nan : value)) as T;
const every = Uint16Array.from({ length: 2 ** 16 }, (_, i) => i);

describe("16-bit floats", () => {
  it("are rounded as PyTorch and NumPy round them, beside every edge", () => {
    expect(stored.edges).toHaveLength(126);
    const values = fromBits(stored.edges.map(([bits]) => bits));
    expect([...oneNan(float32ToFloat16(values), values, 0x7e00)]).toEqual(stored.edges.map(([, half]) => half));
    expect([...oneNan(float32ToBfloat16(values), values, 0x7fc0)]).toEqual(stored.edges.map(([, , brain]) => brain));
  });

  it("are rounded as PyTorch rounds them for a million values from all exponents", () => {
    expect(stored.walk.count).toBe(2 ** 20);
    const values = fromBits(Uint32Array.from({ length: 2 ** 20 }, (_, i) => Math.imul(i, 2654435761)));
    expect(digest(oneNan(float32ToFloat16(values), values, 0x7e00))).toBe(stored.walk.float16);
    expect(digest(oneNan(float32ToBfloat16(values), values, 0x7fc0))).toBe(stored.walk.bfloat16);
  });

  it("are widened as NumPy and PyTorch widen them, all 65,536 of them", () => {
    const half = float16ToFloat32(every);
    const brain = bfloat16ToFloat32(every);
    expect(digest(oneNan(toBits(half), half, 0x7fc00000))).toBe(stored.widened.float16);
    expect(digest(oneNan(toBits(brain), brain, 0x7fc00000))).toBe(stored.widened.bfloat16);
  });

  it("come back from float32 bit for bit, except that a NaN becomes quiet", () => {
    const quiet = (isNan: (size: number) => boolean, bit: number) => every.map((bits) => (isNan(bits & 0x7fff) ? bits | bit : bits));
    expect(float32ToFloat16(float16ToFloat32(every))).toEqual(quiet((size) => size > 0x7c00, 0x200));
    expect(float32ToBfloat16(bfloat16ToFloat32(every))).toEqual(quiet((size) => size > 0x7f80, 0x40));
  });

  it("are the nearest there are, and the even one of two", () => {
    const formats = [
      { narrow: float32ToFloat16, widen: float16ToFloat32, largest: 0x7bff, infinity: 65520 },
      { narrow: float32ToBfloat16, widen: bfloat16ToFloat32, largest: 0x7f7f, infinity: (2 - 2 ** -8) * 2 ** 127 },
    ];
    for (const { narrow, widen, largest, infinity } of formats) {
      const at = (bits: number) => widen(Uint16Array.of(bits))[0]!;
      fc.assert(
        fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (value) => {
          const bits = narrow(Float32Array.of(value))[0]!;
          const size = bits & 0x7fff;
          expect(bits >>> 15).toBe(Object.is(Math.sign(value), -0) || value < 0 ? 1 : 0);
          const isInfinite = Math.abs(value) >= infinity;
          expect(at(size) === Infinity).toBe(isInfinite);
          if (isInfinite) return;
          const error = Math.abs(Math.abs(value) - at(size));
          const others = [size - 1, size + 1].filter((other) => other >= 0 && other <= largest);
          for (const other of others.map((bits) => Math.abs(Math.abs(value) - at(bits)))) {
            expect(error < other || (error === other && size % 2 === 0)).toBe(true);
          }
        }),
        { numRuns: 2000 },
      );
    }
  });

  it("survive a round trip through a tensor at any alignment", () => {
    const values = Float32Array.of(1, -2.5, 0, 65504, 2 ** -24);
    for (const dtype of ["F32", "F16", "BF16"] as const) {
      const { data } = fromFloat32(values, [5], dtype);
      const shifted = new Uint8Array(data.length + 1);
      shifted.set(data, 1);
      const back = toFloat32({ dtype, shape: [5], data: shifted.subarray(1) });
      expect(back).toEqual(toFloat32({ dtype, shape: [5], data }));
      if (dtype !== "BF16") expect(back).toEqual(values);
    }
  });
});

describe("whole numbers as float32", () => {
  it("are rounded once, as PyTorch does, beyond 2^53 too", () => {
    expect(stored.int64).toHaveLength(15);
    const data = new Uint8Array(BigInt64Array.from(stored.int64, ([value]) => BigInt(value)).buffer);
    expect([...toFloat32({ dtype: "I64", shape: [15], data })]).toEqual(stored.int64.map(([, value]) => value));
  });
});

describe("tensors", () => {
  it("do not share memory with the bytes they came from, also if those are a Buffer", () => {
    const data = Buffer.from(Float32Array.of(1, 2).buffer);
    const values = toFloat32({ dtype: "F32", shape: [2], data });
    data.fill(0);
    expect([...values]).toEqual([1, 2]);
  });

  it("are refused where shape and data do not fit", () => {
    expect(() => toFloat32({ dtype: "F16", shape: [2, 3], data: new Uint8Array(10) })).toThrow(
      "F16 tensor [2, 3]: expected 12 bytes, got 10",
    );
    expect(() => fromFloat32(new Float32Array(3), [2], "F16")).toThrow(RangeError);
  });
});
