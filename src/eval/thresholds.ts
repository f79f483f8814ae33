import type { Indicators } from "./f1.js";

/**
 * For each class the threshold with the best F1 on the given rows, halfway between two probabilities; the highest of equals, and 0.5 for a class that no
 * row has. Give it validation rows: on the rows that are reported, the thresholds would know the answers (on GoEmotions worth .02 of macro-F1).
 * `probabilities`, `actual`: `[rows, classes]`.
 */
export function tuneThresholds(probabilities: Float32Array, actual: Indicators, classes: number): number[] {
  return byClass(probabilities, actual, classes).map(({ ranked, positives }) => {
    let best = { f1: 0, threshold: 0.5 };
    walk(ranked, ({ hits, said, probability, next }) => {
      const f1 = (2 * hits) / (said + positives);
      if (f1 > best.f1) best = { f1, threshold: (probability + next) / 2 };
    });
    return best.threshold;
  });
}

/** Decisions: 1 where a probability is at or above its class's threshold. */
export function decisionsAt(probabilities: Float32Array, thresholds: readonly number[]): Indicators {
  return Uint8Array.from(probabilities, (probability, i) => (probability >= thresholds[i % thresholds.length]! ? 1 : 0));
}

/** Average precision of each class, as scikit-learn's: a measure that needs no threshold. `null` for a class that no row has. */
export function averagePrecisions(probabilities: Float32Array, actual: Indicators, classes: number): (number | null)[] {
  return byClass(probabilities, actual, classes).map(({ ranked, positives }) => {
    if (positives === 0) return null;
    let [sum, before] = [0, 0];
    walk(ranked, ({ hits, said }) => {
      sum += ((hits - before) / positives) * (hits / said);
      before = hits;
    });
    return sum;
  });
}

/**
 * Area under the ROC curve of each class, as scikit-learn's: how likely a row that has the label stands before one that has not, equal probabilities counting
 * one half. `null` for a class that no row has, or all.
 */
export function rocAreas(probabilities: Float32Array, actual: Indicators, classes: number): (number | null)[] {
  return byClass(probabilities, actual, classes).map(({ ranked, positives }) => {
    const negatives = ranked.length - positives;
    if (positives === 0 || negatives === 0) return null;
    let [sum, hits, said] = [0, 0, 0];
    walk(ranked, (at) => {
      const [held, others] = [at.hits - hits, at.said - said - (at.hits - hits)];
      sum += others * (hits + held / 2);
      [hits, said] = [at.hits, at.said];
    });
    return sum / (positives * negatives);
  });
}

type Ranked = { probability: number; holds: boolean };

/** The rows of each class, likeliest first. */
function byClass(probabilities: Float32Array, actual: Indicators, classes: number): { ranked: Ranked[]; positives: number }[] {
  const rows = probabilities.length / classes;
  return Array.from({ length: classes }, (_, c) => {
    const ranked = Array.from({ length: rows }, (_, row) => ({
      probability: probabilities[row * classes + c]!,
      holds: actual[row * classes + c] === 1,
    }));
    ranked.sort((a, b) => b.probability - a.probability);
    return { ranked, positives: ranked.filter(({ holds }) => holds).length };
  });
}

/** Visits each place where the list can be cut: after the last of equal probabilities. `next` is the probability that follows, at the end 0. */
function walk(ranked: readonly Ranked[], visit: (at: { hits: number; said: number; probability: number; next: number }) => void): void {
  let hits = 0;
  ranked.forEach(({ probability, holds }, i) => {
    if (holds) hits++;
    const next = ranked[i + 1]?.probability ?? 0;
    if (i === ranked.length - 1 || next < probability) visit({ hits, said: i + 1, probability, next });
  });
}
