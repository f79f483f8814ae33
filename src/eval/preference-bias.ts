/** As in the published code: updates of all preferences, and what keeps a denominator from 0. */
const ROUNDS = 20;
const TINY = 1e-6;

/**
 * Preference bias B of Kang et al. 2024 (ACL, "Can Large Language Models be Good Emotional Supporter?"): a row of class i taken for class j is a match that j
 * wins against i; the Bradley-Terry strengths p of these matches,
 * p_i ← Σ_j c_ji p_j / (p_i + p_j) ÷ Σ_j c_ij / (p_i + p_j) (one after another, 20 rounds, each brought to the mean 1), have the standard deviation B. 0 where
 * no class is preferred; large where few classes take all. Guessing by the shares of the classes has a low B too: read it beside the accuracy.
 * A class that neither is true nor said anywhere keeps out.
 * @param counts `counts[i][j]`: rows of class `i` that were taken for class `j`.
 */
export function preferenceBias(counts: readonly (readonly number[])[]): number {
  const classes = [...counts.keys()].filter((i) => counts.some((row, j) => row[i]! > 0 || counts[i]![j]! > 0));
  let strengths = new Map(classes.map((i) => [i, 1]));
  const of = (i: number) => strengths.get(i)!;
  for (let round = 0; round < ROUNDS; round++) {
    for (const i of classes) {
      let [won, met] = [0, 0];
      for (const j of classes) {
        const both = of(i) + of(j) + TINY;
        won += (counts[j]![i]! * of(j)) / both;
        met += counts[i]![j]! / both;
      }
      if (met > 0) strengths.set(i, won / met);
    }
    const mean = classes.reduce((sum, i) => sum + of(i), 0) / classes.length;
    if (mean === 0) return 0;
    strengths = new Map(classes.map((i) => [i, of(i) / mean]));
  }
  return Math.sqrt(classes.reduce((sum, i) => sum + (of(i) - 1) ** 2, 0) / Math.max(1, classes.length));
}
