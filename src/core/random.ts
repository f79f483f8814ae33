import { expected } from "./errors.js";

/** The state of a generator: four 32-bit words. Plain data, so that a run can be saved and resumed. */
export type RandomState = [number, number, number, number];

/** A seeded generator (xoshiro128**, Blackman and Vigna 2018). The same seed gives the same numbers on every machine. */
export class Random {
  #state: RandomState;

  constructor(seed: number | string | RandomState) {
    this.#state = Array.isArray(seed) ? [...seed] : seeded(seed);
  }

  get state(): RandomState {
    return [...this.#state];
  }

  /** A whole number in `[0, 2^32)`. */
  bits(): number {
    const s = this.#state;
    const result = Math.imul(rotate(Math.imul(s[1], 5), 7), 9) >>> 0;
    const shifted = s[1] << 9;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotate(s[3], 11);
    return result;
  }

  /** A number in `[0, 1)` with 53 random bits. */
  uniform(): number {
    return (this.bits() * 2 ** 21 + (this.bits() >>> 11)) / 2 ** 53;
  }

  /** A whole number in `[0, n)`. */
  integer(n: number): number {
    if (!(n >= 1)) throw new RangeError(expected("Random.integer", "n of at least 1", n));
    return Math.floor(this.uniform() * n);
  }

  /** A number from the standard normal distribution (Box and Muller). */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.uniform())) * Math.cos(2 * Math.PI * this.uniform());
  }

  /** A new array with the items in random order (Fisher and Yates). */
  shuffled<T>(items: readonly T[]): T[] {
    const result = [...items];
    for (let i = result.length - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      [result[i], result[j]] = [result[j]!, result[i]!];
    }
    return result;
  }

  /** An index drawn with the given non-negative weights. */
  weighted(weights: ArrayLike<number>): number {
    let total = 0;
    for (let i = 0; i < weights.length; i++) total += weights[i]!;
    if (!(total > 0)) throw new RangeError(expected("Random.weighted", "weights with a positive sum", total));
    let left = this.uniform() * total;
    let last = 0;
    for (let i = 0; i < weights.length; i++) {
      if (weights[i]! <= 0) continue;
      last = i;
      left -= weights[i]!;
      if (left < 0) return i;
    }
    return last;
  }

  /** An independent generator named by a text: `random.fork("dropout")` does not disturb this one. */
  fork(name: string): Random {
    return new Random(`${this.#state.join(",")}/${name}`);
  }
}

const rotate = (x: number, k: number): number => (x << k) | (x >>> (32 - k));

/** A 32-bit hash of a text (FNV-1a, finalised as in MurmurHash3). */
export function hash32(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

function seeded(seed: number | string): RandomState {
  const text = String(seed);
  const state = [0, 1, 2, 3].map((i) => hash32(`${i}:${text}`)) as RandomState;
  return state.every((word) => word === 0) ? [1, 2, 3, 4] : state;
}
