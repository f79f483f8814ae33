/** Conversions between float32 and the two 16-bit formats, on bits: exact upwards, to the nearest (ties to even) downwards. */

/** IEEE binary16 to float32; every value, NaN payloads included, is kept. `half` holds the bits; it may be the second half of `out`. */
export function float16ToFloat32(half: Uint16Array, out = new Uint32Array(half.length)): Float32Array<ArrayBuffer> {
  for (let i = 0; i < half.length; i++) {
    const bits = half[i]!;
    const sign = (bits & 0x8000) << 16;
    const size = bits & 0x7fff;
    if (size >= 0x7c00) out[i] = sign | 0x7f800000 | ((size & 0x3ff) << 13);
    else if (size >= 0x400) out[i] = sign | ((size << 13) + 0x38000000);
    else out[i] = sign | subnormalBits(size);
  }
  return new Float32Array(out.buffer, out.byteOffset, half.length);
}

/** bfloat16 (the upper half of a float32) to float32; every value is kept. `brain` holds the bits; it may be the second half of `out`. */
export function bfloat16ToFloat32(brain: Uint16Array, out = new Uint32Array(brain.length)): Float32Array<ArrayBuffer> {
  for (let i = 0; i < brain.length; i++) out[i] = brain[i]! << 16;
  return new Float32Array(out.buffer, out.byteOffset, brain.length);
}

/** float32 to the bits of IEEE binary16. From 65520 on: infinity; a NaN stays one, made quiet, with its sign and upper payload. */
export function float32ToFloat16(values: Float32Array): Uint16Array<ArrayBuffer> {
  const source = bitsOf(values);
  const out = new Uint16Array(values.length);
  for (let i = 0; i < out.length; i++) {
    const bits = source[i]!;
    const sign = (bits >>> 16) & 0x8000;
    const size = bits & 0x7fffffff;
    if (size > 0x7f800000) out[i] = sign | 0x7e00 | ((size >>> 13) & 0x3ff);
    else if (size >= 0x477ff000) out[i] = sign | 0x7c00;
    else if (size >= 0x38800000) out[i] = sign | shiftedToEven(size - 0x38000000, 13);
    else if (size >= 0x33000000) out[i] = sign | shiftedToEven((size & 0x7fffff) | 0x800000, 126 - (size >>> 23));
    else out[i] = sign; // below half of the smallest subnormal, 2^-24
  }
  return out;
}

/** float32 to the bits of bfloat16. A NaN stays one, made quiet, with its sign and upper payload. */
export function float32ToBfloat16(values: Float32Array): Uint16Array<ArrayBuffer> {
  const source = bitsOf(values);
  const out = new Uint16Array(values.length);
  for (let i = 0; i < out.length; i++) {
    const bits = source[i]!;
    const isNan = (bits & 0x7fffffff) > 0x7f800000;
    out[i] = isNan ? (bits >>> 16) | 0x40 : (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
  }
  return out;
}

const bitsOf = (values: Float32Array) => new Uint32Array(values.buffer, values.byteOffset, values.length);

/** The float32 bits of `fraction` * 2^-24. */
function subnormalBits(fraction: number): number {
  if (fraction === 0) return 0;
  const shift = Math.clz32(fraction) - 21; // brings the leading one to bit 10
  return ((113 - shift) << 23) | (((fraction << shift) & 0x3ff) << 13);
}

/** `bits / 2^shift`, to the nearest whole number, ties to the even one. */
function shiftedToEven(bits: number, shift: number): number {
  return (bits + (1 << (shift - 1)) - 1 + ((bits >>> shift) & 1)) >>> shift;
}
