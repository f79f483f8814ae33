/**
 * The rules by which bitsandbytes 0.45 and later hold frozen weights in few bits (Dettmers et al. 2022, 2023), on plain arrays.
 * NF4: blocks of 64 values, each value the nearest of sixteen times the block's largest magnitude, which is itself held in 8 bits. INT8: 255 evenly
 * spaced steps for each output channel.
 */

import type { Memory } from "../files/safetensors-float32.js";

/** Values that share a magnitude, and magnitudes that share a scale. */
export const BLOCK = 64;
export const MAGNITUDE_BLOCK = 256;

/** Quantiles of the normal distribution, scaled to [-1, 1] with an exact 0: bitsandbytes' table. */
export const NORMAL_FLOAT: readonly number[] = [
  -1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0,
  0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941,
  0.7229568362236023, 1,
];

/** Signed numbers of 8 bits with a moving point: denser near 0, from 5.5e-7 to 1 (bitsandbytes' `create_dynamic_map`). */
export const DYNAMIC: Float32Array = dynamicMap();

const fresh: Memory = (bytes) => new Uint8Array(bytes);

/**
 * `codes`: two values a byte, the first in the upper half, whole blocks (the last filled up with 0). `magnitudes`: each block's, a code of
 * `DYNAMIC` times its scale plus `mean`; whole blocks too.
 */
export type Nf4Values = { codes: Uint8Array<ArrayBuffer>; magnitudes: Uint8Array<ArrayBuffer>; scales: Float32Array; mean: number };

export function quantizeNf4(values: Float32Array, memory: Memory = fresh): Nf4Values {
  const blocks = Math.ceil(values.length / BLOCK);
  const codes = memory((blocks * BLOCK) / 2);
  const magnitudes = new Float32Array(blocks);
  for (let b = 0; b < blocks; b++) {
    const [start, end] = [b * BLOCK, Math.min((b + 1) * BLOCK, values.length)];
    const magnitude = largest(values, start, end);
    magnitudes[b] = magnitude;
    const factor = magnitude > 0 ? Math.fround(1 / magnitude) : 0; // a block of zeros
    for (let i = start; i < start + BLOCK; i += 2) {
      const first = i < end ? nearestNormal(Math.fround(values[i]! * factor)) : ZERO;
      codes[i >> 1] = (first << 4) | (i + 1 < end ? nearestNormal(Math.fround(values[i + 1]! * factor)) : ZERO);
    }
  }
  return { codes, ...quantizeMagnitudes(magnitudes) };
}

/** The first `size` values that `quantized` stands for. */
export function dequantizeNf4(quantized: Nf4Values, size: number): Float32Array<ArrayBuffer> {
  const { codes } = quantized;
  const magnitudes = dequantizeMagnitudes(quantized);
  return Float32Array.from({ length: size }, (_, i) => {
    const pair = codes[i >> 1]!;
    return NORMAL[i % 2 === 0 ? pair >> 4 : pair & 15]! * magnitudes[Math.floor(i / BLOCK)]!;
  });
}

/** Which are the output channels of a matrix `[rows, columns]`. */
export type Channels = "rows" | "columns";

/** `codes`: each value in steps, plus 128, row after row, filled up to whole fours; `steps`: one for each output channel. */
export type Int8Values = { codes: Uint8Array<ArrayBuffer>; steps: Float32Array };

export function quantizeInt8(
  values: Float32Array,
  [rows, columns]: readonly [number, number],
  channels: Channels,
  memory: Memory = fresh,
): Int8Values {
  const byRow = channels === "rows";
  const magnitudes = new Float32Array(byRow ? rows : columns);
  for (let r = 0, i = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++, i++) {
      const channel = byRow ? r : c;
      const size = Math.abs(values[i]!);
      if (size > magnitudes[channel]!) magnitudes[channel] = size;
    }
  }
  const factors = magnitudes.map((magnitude) => (magnitude > 0 ? 127 / magnitude : 0));
  const codes = memory(Math.ceil(values.length / 4) * 4).fill(128);
  for (let r = 0, i = 0; r < rows; r++) {
    // The sum has no bits left for a fraction: it is rounded to the nearest whole number, ties to even.
    for (let c = 0; c < columns; c++, i++)
      codes[i] = Math.fround(Math.fround(values[i]! * factors[byRow ? r : c]!) + WHOLE) - (WHOLE - 128);
  }
  return { codes, steps: magnitudes.map((magnitude) => magnitude / 127) };
}

export function dequantizeInt8(
  { codes, steps }: Int8Values,
  [rows, columns]: readonly [number, number],
  channels: Channels,
): Float32Array<ArrayBuffer> {
  const stepOf = (i: number) => steps[channels === "rows" ? Math.floor(i / columns) : i % columns]!;
  return Float32Array.from({ length: rows * columns }, (_, i) => (codes[i]! - 128) * stepOf(i));
}

function quantizeMagnitudes(values: Float32Array): Omit<Nf4Values, "codes"> {
  const groups = Math.ceil(values.length / MAGNITUDE_BLOCK);
  const mean = Math.fround(values.reduce((sum, value) => sum + value, 0) / values.length);
  const centred = values.map((value) => value - mean);
  const magnitudes = new Uint8Array(groups * MAGNITUDE_BLOCK).fill(DYNAMIC.indexOf(0));
  const scales = new Float32Array(groups);
  for (let g = 0; g < groups; g++) {
    const [start, end] = [g * MAGNITUDE_BLOCK, Math.min((g + 1) * MAGNITUDE_BLOCK, values.length)];
    const scale = largest(centred, start, end);
    scales[g] = scale;
    for (let i = start; i < end; i++) magnitudes[i] = nearest(DYNAMIC_MIDDLES, scale > 0 ? centred[i]! / scale : 0);
  }
  return { magnitudes, scales, mean };
}

/** Each block's magnitude. */
function dequantizeMagnitudes({ magnitudes, scales, mean }: Nf4Values): Float32Array {
  return Float32Array.from(magnitudes, (code, i) => Math.fround(DYNAMIC[code]! * scales[Math.floor(i / MAGNITUDE_BLOCK)]!) + mean);
}

function largest(values: Float32Array, start: number, end: number): number {
  let most = 0;
  for (let i = start; i < end; i++) {
    const size = Math.abs(values[i]!);
    if (size > most) most = size;
  }
  return most;
}

const middles = (sorted: ArrayLike<number>): Float64Array =>
  Float64Array.from({ length: sorted.length - 1 }, (_, i) => (sorted[i]! + sorted[i + 1]!) / 2);

const NORMAL = Float32Array.from(NORMAL_FLOAT);
const NORMAL_MIDDLES = middles(NORMAL);
const DYNAMIC_MIDDLES = middles(DYNAMIC);
const ZERO = NORMAL_FLOAT.indexOf(0);

/** 1.5 · 2^23. */
const WHOLE = 12582912;

/** The index of the nearest of sorted numbers, given the middles between them: one fewer than a power of two. */
function nearest(between: Float64Array, value: number): number {
  let index = 0;
  for (let half = (between.length + 1) >> 1; half > 0; half >>= 1) if (value > between[index + half - 1]!) index += half;
  return index;
}

/** [-1, 1] in steps so small that at most one middle falls into each: the code at each step's lower end. */
const STEPS = 512;
const CODE_FROM = Uint8Array.from({ length: 2 * STEPS + 1 }, (_, step) => nearest(NORMAL_MIDDLES, step / STEPS - 1));

/** The code of the nearest number of NF4. `value`: in [-1, 1], or hardly outside. */
function nearestNormal(value: number): number {
  const code = CODE_FROM[Math.max(0, ((value + 1) * STEPS) | 0)]!;
  return code < 15 && value > NORMAL_MIDDLES[code]! ? code + 1 : code;
}

function dynamicMap(): Float32Array {
  const positive = [0, 1, 2, 3, 4, 5, 6].flatMap((exponent) => {
    const count = 2 ** exponent;
    return Array.from({ length: count }, (_, i) => 10 ** (exponent - 6) * (0.1 + (0.9 * (i + 0.5)) / count));
  });
  return Float32Array.from([...positive.map((value) => -value), 0, ...positive, 1]).sort();
}
