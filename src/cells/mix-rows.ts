import { type MixOptions, type Mixture, mixShares } from "../data/mix.js";
import type { MixtureShare } from "./charts/temperature-mix.js";

/** What the slider over the temperature shows at one stop. @throws RangeError as `mixShares` does. */
export function mixAt(options: MixOptions): MixtureShare[] {
  const { shares, expected } = mixShares(options);
  return Object.entries(options.sizes).map(([source, size]) => {
    const draws = expected[source]!;
    return { source, share: shares[source]!, epochs: size > 0 ? draws / size : 0, repeats: Math.max(0, draws - size) };
  });
}

/** Exact expected and drawn counts of a mixture, a row a source. */
export const mixRows = (sizes: Record<string, number>, mix: Mixture): Record<string, string | number>[] =>
  Object.entries(sizes).map(([source, size]) => ({
    source,
    size,
    share: mix.shares[source]!,
    expected: mix.expected[source]!,
    drawn: mix.drawn[source]!,
    epochs: mix.epochs[source]!,
    "most repeats": mix.repeats[source]!,
  }));
