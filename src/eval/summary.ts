import { type BootstrapOptions, bootstrapMean, type Interval, spearman } from "./bootstrap.js";
import { type BenchmarkTotals, benchmarkTotals } from "./eq-bench-score.js";
import type { EqResults, EqRow } from "./eq-rows.js";

/** The means of one configuration or control. */
export type SummaryRow = {
  kind: EqRow["kind"];
  variant: string;
  configuration: string;
  n: number;
  eq: Interval;
  mass: Interval;
  /** Over the questions with a reference on the labels; `null` where there are none. */
  alignment: Interval | null;
  published: Interval;
  /** Mean length. */
  tokens: number;
  /** Spearman's rank correlation of the EQ score with the length; `null` where either is constant. */
  lengthCorrelation: number | null;
  /** The same with the official score, over the usable answers. */
  officialCorrelation: number | null;
};

/** The official EQ-Bench score of a variant or a control; `interval` (0 to 100) is that of lm-eval's convention. */
export type OfficialSummary = { kind: EqRow["kind"]; name: string; totals: BenchmarkTotals; interval: Interval };

export type EqSummary = {
  configurations: SummaryRow[];
  controls: SummaryRow[];
  official: OfficialSummary[];
  /** What the tables show, in words. */
  findings: string[];
};

/** Means with 95 % bootstrap intervals over the questions, and what they say in words. */
export function summarize(results: EqResults, options: BootstrapOptions = {}): EqSummary {
  const grouped = (rows: readonly EqRow[]): EqRow[][] => {
    const groups = new Map<string, EqRow[]>();
    for (const row of rows) {
      const key = `${row.variant}\n${row.configuration}`;
      groups.set(key, [...(groups.get(key) ?? []), row]);
    }
    return [...groups.values()];
  };
  const [samples, controls] = [grouped(results.rows), grouped(results.controls)];
  const official = [
    ...results.variants.map(({ variant }) =>
      officialOf(
        "sample",
        variant,
        results.official.filter((row) => row.variant === variant),
        options,
      ),
    ),
    // Another question's response is a sampled text, not an attempt at the official answer.
    ...controls
      .filter(([row]) => row!.variant === "–")
      .map((rows) =>
        officialOf(
          "control",
          rows[0]!.configuration,
          rows.map((row) => row.official),
          options,
        ),
      ),
  ];
  return {
    configurations: samples.map((rows) => summaryRow(rows, options)),
    controls: controls.map((rows) => summaryRow(rows, options)),
    official,
    findings: [...eqFindings(samples, controls, options), ...officialFindings(official), ...truncationFindings(results)],
  };
}

function summaryRow(rows: readonly EqRow[], options: BootstrapOptions): SummaryRow {
  const { kind, variant, configuration } = rows[0]!;
  const interval = (values: number[]) => bootstrapMean(values, options);
  const usable = rows.filter(({ official }) => official.score !== null);
  return {
    ...{ kind, variant, configuration, n: rows.length },
    eq: interval(rows.map(({ eq }) => eq))!,
    mass: interval(rows.map(({ mass }) => mass))!,
    alignment: interval(rows.map(({ alignment }) => alignment).filter((value) => value !== null)),
    published: interval(rows.map(({ published }) => published))!,
    tokens: mean(rows.map(({ tokens }) => tokens)),
    lengthCorrelation: spearman(
      rows.map(({ eq }) => eq),
      rows.map(({ tokens }) => tokens),
    ),
    officialCorrelation: spearman(
      usable.map(({ eq }) => eq),
      usable.map(({ official }) => official.score!),
    ),
  };
}

function officialOf(
  kind: EqRow["kind"],
  name: string,
  rows: readonly { score: number | null }[],
  options: BootstrapOptions,
): OfficialSummary {
  const scores = rows.map(({ score }) => score);
  return {
    kind,
    name,
    totals: benchmarkTotals(scores),
    interval: bootstrapMean(
      scores.map((score) => 10 * (score ?? 0)),
      options,
    )!,
  };
}

/** A sentence for each control whose mean EQ score is above that of a configuration. */
function eqFindings(samples: readonly EqRow[][], controls: readonly EqRow[][], options: BootstrapOptions): string[] {
  const eq = (rows: readonly EqRow[]): number => mean(rows.map((row) => row.eq));
  const sentences = controls.flatMap((control) => {
    const beaten = samples.filter((rows) => eq(rows) < eq(control)).sort((a, b) => eq(b) - eq(a));
    const [best] = beaten;
    if (!best) return [];
    const gap = bootstrapMean(
      control.map((row, i) => row.eq - best[i]!.eq),
      options,
    )!;
    const count = beaten.length === samples.length ? `all ${samples.length}` : `${beaten.length} of ${samples.length}`;
    const distance = `by ${gap.mean.toFixed(3)} [${gap.low.toFixed(3)}, ${gap.high.toFixed(3)}]${gap.low > 0 ? "" : `, which n = ${control.length} does not settle`}`;
    return `EQ score: the control ${nameOf(control[0]!)} (${eq(control).toFixed(3)}) beats ${count} configurations, among them ${nameOf(best[0]!)} (${eq(best).toFixed(3)}) ${distance}.`;
  });
  return sentences.length > 0 ? sentences : ["EQ score: no control beats a configuration."];
}

function officialFindings(rows: readonly OfficialSummary[]): string[] {
  const variants = rows.filter(({ kind }) => kind === "sample");
  // The reference itself is perfect by construction.
  const controls = rows.filter(({ kind, name }) => kind === "control" && name !== "Reference-style answer");
  const sentences = variants.flatMap((variant) => {
    const beating = controls.filter(({ totals }) => totals.lmEval > variant.totals.lmEval);
    const said = beating.map(({ name, totals }) => `${name} (${totals.lmEval.toFixed(1)})`).join(", ");
    return beating.length === 0
      ? []
      : `Official EQ-Bench, unusable answers as 0: ${variant.name} (${variant.totals.lmEval.toFixed(1)}) is beaten by ${said}.`;
  });
  const failed = variants.flatMap(({ name, totals: { official } }) =>
    official.kind === "failed" ? `Official EQ-Bench: ${name} fails by the authors' rule: ${official.reason}.` : [],
  );
  return [...sentences, ...failed];
}

/** A model that does not see the dialogue cannot answer it. */
function truncationFindings({ variants, rows }: EqResults): string[] {
  return variants.flatMap(({ variant }) => {
    const own = rows.filter((row) => row.variant === variant && row.configuration === "No Heads (Baseline)");
    const cut = own.filter(({ truncated }) => truncated > 0);
    if (cut.length === 0) return [];
    const lost = mean(cut.map(({ truncated }) => truncated)).toFixed(0);
    return `${variant}: ${cut.length} of ${own.length} prompts did not fit the model and lost their beginning, ${lost} tokens on average.`;
  });
}

const nameOf = ({ variant, configuration }: EqRow): string => (variant === "–" ? configuration : `${variant} · ${configuration}`);

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
