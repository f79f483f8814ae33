/** Numbers that both sides compute, so that nothing is downloaded. The twin of peers/formula.py. */
import { hash32 } from "../dist/core/random.js";

/** Whole numbers in [0, 2^32): MurmurHash3's last steps on a counter that starts at the hash of the name. */
export function bits(name, size) {
  const values = new Uint32Array(size);
  const start = hash32(name);
  for (let i = 0; i < size; i++) {
    let x = (start + Math.imul(i, 0x9e3779b1)) | 0;
    x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
    values[i] = x ^ (x >>> 16);
  }
  return values;
}

/** Numbers in [−bound, bound), f32. */
export function uniform(name, size, bound) {
  const values = new Float32Array(size);
  const whole = bits(name, size);
  for (let i = 0; i < size; i++) values[i] = (whole[i] / 2 ** 31 - 1) * bound;
  return values;
}

/** Whole numbers in [0, limit), such as token ids. */
export const integers = (name, size, limit) => Array.from(bits(name, size), (value) => Math.floor((value / 2 ** 32) * limit));

/** A LoRA A matrix `[rank, inputs]` of a module, spread as PEFT's. */
export const loraA = (module, rank, inputs) => uniform(`${module}.lora_A`, rank * inputs, 1 / Math.sqrt(inputs));

/** A weight with GPT-2's sizes: spread 0.02, less where a block writes to the residual stream. `layers`: of the model. */
export function initialWeight(name, shape, layers) {
  const size = shape.reduce((a, b) => a * b, 1);
  if (shape.length === 1) return new Float32Array(size).fill(name.endsWith(".bias") ? 0 : 1);
  const residual = /(c_proj|o_proj|down_proj)\.weight$/.test(name);
  return uniform(name, size, (residual ? 0.02 / Math.sqrt(2 * layers) : 0.02) * Math.sqrt(3));
}
