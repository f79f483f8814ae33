import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { isNative } from "../../src/core/engine.js";
import { tf } from "../../src/core/tf.js";
import { clonedQuantized, dequantized, quantize, tensorsOf } from "../../src/nn/quantized.js";
import { hasOwnOperation, nf4ByGather, nf4ByOwnOperation } from "../../src/nn/quantized-native.js";
import { DYNAMIC, dequantizeInt8, dequantizeNf4, type Nf4Values, quantizeInt8, quantizeNf4 } from "../../src/nn/quantized-values.js";
import { distance, formulaValues, leaked, noise, reference } from "../formula.js";

type Shape = [number, number];
type Stored = { name: string; shape: Shape; codes: string; tail: string };
type StoredNf4 = Stored & { magnitudes: string; scales: string; mean: number };
const stored = reference<{ dynamic: string; nf4: StoredNf4[]; int8: Stored[] }>("quantized.json");

const bytes = (base64: string) => new Uint8Array(Buffer.from(base64, "base64"));
const floats = (base64: string) => new Float32Array(bytes(base64).buffer);

/** Twin of `values_of` in test/reference/quantized.py. */
const valuesOf = (name: string, [rows, columns]: Shape) =>
  Float32Array.from(noise(name, rows * columns), (n, i) => (i >= 64 && i < 128 ? 0 : 0.3 * n * n * n));

/** How many numbers of two lists differ; the second may be shorter. */
const differing = (got: ArrayLike<number>, wanted: ArrayLike<number>) => Array.from(wanted).filter((value, i) => got[i] !== value).length;

/** What is stored of the values in full. */
const tailOf = (values: Float32Array) => values.slice(-700);

describe("the rules of bitsandbytes", () => {
  it("has its table of 8-bit numbers", () => {
    expect(DYNAMIC).toHaveLength(256);
    expect(distance(DYNAMIC, floats(stored.dynamic))).toBeLessThan(1e-7);
  });

  it.each(stored.nf4)("quantises $shape to the same NF4 codes and magnitudes", (wanted) => {
    const size = wanted.shape[0] * wanted.shape[1];
    const values = valuesOf(wanted.name, wanted.shape);
    const got = quantizeNf4(values);
    // A block of zeros may hold any code; a last half byte means nothing.
    const live = (codes: Uint8Array) => Array.from(codes.subarray(0, size >> 1), (code, i) => (i >= 32 && i < 64 ? 0 : code));
    expect(differing(live(got.codes), live(bytes(wanted.codes)))).toBe(0);
    expect(differing(got.magnitudes, bytes(wanted.magnitudes))).toBe(0);
    expect(distance(got.scales, floats(wanted.scales))).toBeLessThan(1e-7);
    expect(Math.abs(got.mean - wanted.mean)).toBeLessThan(1e-7);
    expect(distance(tailOf(dequantizeNf4(got, size)), floats(wanted.tail))).toBeLessThan(1e-7);
  });

  it.each(stored.nf4)("reads what it wrote of $shape", (wanted) => {
    const size = wanted.shape[0] * wanted.shape[1];
    const read: Nf4Values = {
      codes: bytes(wanted.codes),
      magnitudes: bytes(wanted.magnitudes),
      scales: floats(wanted.scales),
      mean: wanted.mean,
    };
    expect(distance(tailOf(dequantizeNf4(read, size)), floats(wanted.tail))).toBeLessThan(1e-7);
  });

  it.each(stored.int8)("quantises $shape to the same INT8 codes, by rows and by columns", ({ name, shape, ...wanted }) => {
    const values = valuesOf(name, shape);
    const got = quantizeInt8(values, shape, "rows");
    const codes = Array.from(new Int8Array(bytes(wanted.codes).buffer), (code) => code + 128);
    expect(differing(got.codes, codes)).toBe(0);
    const full = dequantizeInt8(got, shape, "rows");
    expect(distance(full, floats(wanted.tail))).toBeLessThan(1e-7);
    const [rows, columns] = shape;
    const turned = (list: Float32Array) => Float32Array.from(list, (_, i) => list[(i % rows) * columns + Math.floor(i / rows)]!);
    const across = quantizeInt8(turned(values), [columns, rows], "columns");
    expect(distance(dequantizeInt8(across, [columns, rows], "columns"), turned(full))).toBeLessThan(1e-7);
  });
});

describe("quantised values", () => {
  it("are within half a step of what they were", () => {
    const values = formulaValues("w", [50, 70]);
    const steps = quantizeInt8(values, [50, 70], "rows");
    expect(distance(dequantizeInt8(steps, [50, 70], "rows"), values)).toBeLessThan((0.3 / 127 / 2) * 1.001);
    // The widest gap of NF4 is 0.304 of the magnitude, which is itself within 1 % here.
    expect(distance(dequantizeNf4(quantizeNf4(values), values.length), values)).toBeLessThan(0.3 * (0.304 / 2 + 0.01));
  });

  it("are 0 where all are, and keep a number that stands alone", () => {
    for (const size of [1, 63, 64, 65, 1000]) {
      const zeros = new Float32Array(size);
      expect(distance(dequantizeNf4(quantizeNf4(zeros), size), zeros)).toBe(0);
      expect(distance(dequantizeInt8(quantizeInt8(zeros, [1, size], "columns"), [1, size], "columns"), zeros)).toBe(0);
    }
    expect(distance(dequantizeNf4(quantizeNf4(Float32Array.of(-3)), 1), [-3])).toBeLessThan(1e-6);
  });
});

describe.skipIf(!isNative())("NF4 by gather and by the addon's own operation", () => {
  const made = (size: number) => {
    const packed = quantize(valuesOf("both", [1, size]), [1, size], "nf4", "rows");
    if (packed.kind !== "nf4") throw new TypeError(packed.kind);
    return packed;
  };
  it.each([1, 64, 6400, 20000])("gives the numbers of the rules, %i of them", (size) => {
    tf.tidy(() => {
      const wanted = dequantizeNf4(quantizeNf4(valuesOf("both", [1, size])), size);
      expect(distance(nf4ByGather(made(size)).dataSync().slice(0, size), wanted)).toBe(0);
      if (hasOwnOperation()) expect(distance(nf4ByOwnOperation(made(size)).dataSync().slice(0, size), wanted)).toBe(0);
    });
  });
});

describe("a quantised weight", () => {
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  const shapes: Shape[] = [
    [1, 1],
    [3, 5],
    [13, 37],
    [64, 64],
    [300, 129],
  ];
  it.each(shapes.flatMap(([rows, columns]) => (["rows", "columns"] as const).map((channels) => ({ rows, columns, channels }))))(
    "holds [$rows, $columns] by $channels and gives exactly the numbers of the rules",
    async ({ rows, columns, channels }) => {
      const values = valuesOf("weight", [rows, columns]);
      const lost = await leaked(() => {
        const nf4 = quantize(values, [rows, columns], "nf4", channels);
        expect(distance(dequantized(nf4).dataSync(), dequantizeNf4(quantizeNf4(values), values.length))).toBe(0);
        const int8 = quantize(values, [rows, columns], "int8", channels);
        const wanted = dequantizeInt8(quantizeInt8(values, [rows, columns], channels), [rows, columns], channels);
        const copy = clonedQuantized(int8);
        tf.dispose(tensorsOf(int8));
        const matrix = dequantized(copy);
        expect(matrix.shape).toEqual([rows, columns]);
        expect(distance(matrix.dataSync(), wanted)).toBe(0);
        tf.dispose([...tensorsOf(nf4), ...tensorsOf(copy), matrix]);
      });
      expect(lost).toBe(1); // the matrix of nf4
    },
  );
});
