/** What the charts of curves share. */

/** Each value's mean with those before it, `span` of them at most; `null` stays `null` and counts for nothing. */
export function runningMean(values: readonly (number | null)[], span: number): (number | null)[] {
  return values.map((value, i) => {
    if (value === null) return null;
    const window = values.slice(Math.max(0, i - span + 1), i + 1).filter((one) => one !== null);
    return window.reduce((sum, one) => sum + one, 0) / window.length;
  });
}

/** The span of a running mean that calms a curve and still follows it: a tenth of its points, at most 20. */
export const calmSpan = (points: number): number => Math.max(1, Math.min(20, Math.round(points / 10)));

/** Places for labels: the values, moved up where two are nearer than `gap`. */
export function spread(values: readonly number[], gap: number): number[] {
  const order = values.map((_, i) => i).sort((a, b) => values[a]! - values[b]!);
  const placed = [...values];
  for (let k = 1; k < order.length; k++) placed[order[k]!] = Math.max(placed[order[k]!]!, placed[order[k - 1]!]! + gap);
  return placed;
}

/** Largest less smallest. */
export function extent(values: readonly (number | null)[]): number {
  const present = values.filter((value) => value !== null);
  return present.length ? Math.max(...present) - Math.min(...present) : 0;
}
