import { kendallTau, ranksDown } from "./correlations.js";
import type { GoEmotion } from "./emotion-map.js";
import type { EqRow } from "./eq-rows.js";
import { LABEL_SETS, type LabelSetName } from "./eq-score.js";
import { groupsBy, meanOf } from "./groups.js";

/** The mean EQ score of a configuration by another label set and weight. What was chosen stays as it was. */
export type SensitivityRow = {
  labelSet: LabelSetName;
  weight: number;
  variant: string;
  configuration: string;
  eq: number;
  /** From 1 for the highest; equal scores share their mean rank. */
  rank: number;
  /** Kendall's tau-b between this order of the configurations and that of the run's own label set and weight; `null` where either has no order. */
  tau: number | null;
};

/** The weights that are tried. */
export const SENSITIVITY_WEIGHTS: readonly number[] = [0, 0.3, 1];

/** Every label set with every weight, for each variant and configuration (means over questions and seeds), by the first evaluator. */
export function sensitivity(rows: readonly EqRow[], own: { labelSet: LabelSetName; weight: number }): SensitivityRow[] {
  const groups = groupsBy(rows, ({ variant, configuration }) => [variant, configuration]);
  const means = groups.map((group) => ({
    group,
    masses: meanMasses(group),
    alignment: meanOf(group.map(({ alignment }) => alignment ?? 0)),
  }));
  const scores = (labelSet: LabelSetName, weight: number) => means.map(({ masses, alignment }) => masses[labelSet] + weight * alignment);
  const reference = scores(own.labelSet, own.weight);
  const weights = [...new Set([...SENSITIVITY_WEIGHTS, own.weight])].sort((a, b) => a - b);
  return (Object.keys(LABEL_SETS) as LabelSetName[]).flatMap((labelSet) =>
    weights.flatMap((weight) => {
      const eq = scores(labelSet, weight);
      const [rank, tau] = [ranksDown(eq), kendallTau(reference, eq)];
      return means.map(({ group }, i): SensitivityRow => {
        const { variant, configuration } = group[0]!;
        return { labelSet, weight, variant, configuration, eq: eq[i]!, rank: rank[i]!, tau };
      });
    }),
  );
}

function meanMasses(rows: readonly EqRow[]): Record<LabelSetName, number> {
  const mass = (labels: readonly GoEmotion[]) =>
    meanOf(rows.map(({ perLabel }) => labels.reduce((sum, label) => sum + perLabel[label], 0)));
  return Object.fromEntries(Object.entries(LABEL_SETS).map(([name, labels]) => [name, mass(labels)])) as Record<LabelSetName, number>;
}
