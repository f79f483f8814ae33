import { groupsBy } from "../../eval/groups.js";
import type { Comparison } from "../../eval/statistics.js";
import { writeFileSafely } from "../../files/write.js";
import { configurationBars } from "../charts/configuration-bars.js";
import { emotionProfile } from "../charts/emotion-profile.js";
import { evaluatorAgreement } from "../charts/evaluator-agreement.js";
import { forestPlot } from "../charts/forest-plot.js";
import { rankChanges } from "../charts/rank-changes.js";
import { scoreByLength } from "../charts/score-by-length.js";
import { seedSpread } from "../charts/seed-spread.js";
import { emotionShares, evaluatorScores, lengthScores, plannedDifferences, rankedScores, seedScores } from "../eq-chart-rows.js";
import { findingHtml } from "../findings-list.js";
import {
  comparisonRows,
  eqScoreBars,
  eqSummaryRows,
  evaluatorRows,
  failureRows,
  humanRows,
  officialRows,
  qualityRows,
  sensitivityRows,
} from "../report-rows.js";
import { fixed } from "../style.js";
import { headRows, headSentences } from "./heads.js";
import { list, page, paragraph, picture, type Section, savedPicture, table } from "./page.js";
import { samplesHtml } from "./samples.js";
import { readRun, type StoredRun } from "./stored.js";

/** Points of a scatter plot in a report; each is a quarter of a kilobyte. */
const MOST_POINTS = 400;

/** Writes the one-page report of a results folder. @throws as `readRun` does. */
export async function writeReport(folder: string, path: string): Promise<void> {
  await writeFileSafely(path, reportPage(await readRun(folder)));
}

/** The whole report as one HTML page: findings in words, then what they rest on. No scripts, nothing loaded from elsewhere. */
export function reportPage(run: StoredRun): string {
  const { summary: stored } = run;
  const { settings, headline, date, summary } = stored;
  const seeds = Math.max(...summary.configurations.map((row) => row.seeds));
  const count = `${settings.questions} of ${settings.available} EQ-Bench questions, ${seeds} ${seeds === 1 ? "seed" : "seeds"}`;
  const lead = [
    count,
    `headline: ${headline}`,
    `embeddings of ${`${settings.embedder}`.split(/[\\/]/).slice(-2).join("/")}`,
    ...(date ? [date] : []),
  ].join("; ");
  const sections = [
    findings,
    means,
    comparisons,
    controls,
    official,
    evaluators,
    heads,
    quality,
    sensitivity,
    seedSection,
    samples,
    repeat,
  ];
  return page(
    "Does it help, and would we know?",
    lead,
    sections.map((section) => section(run)),
  );
}

function findings({ summary: { summary } }: StoredRun): Section {
  const [first, ...rest] = summary.findings;
  const lead = `<p class="verdict">${findingHtml(first ?? "No findings.")}</p>`;
  const html = (summary.partial ? paragraph(summary.partial, "verdict") : "") + lead + list(rest, findingHtml);
  return { id: "findings", name: "What was found", html };
}

function means({ summary: { summary, settings, headline } }: StoredRun): Section {
  const strong = (row: Record<string, unknown>): boolean => row.variant === headline;
  const rows = eqSummaryRows(summary.configurations).map(({ kind: _, ...row }) => row);
  const html =
    paragraph(
      `EQ score = empathy mass + ${settings.weight} × alignment, label set “${settings.labelSet}” (${settings.labels}), read by ${settings.evaluator}, which never steers. Means over questions with 95 % intervals.`,
    ) +
    table(rows, { strong }) +
    picture(emotionProfile(emotionShares(summary.configurations), { counted: String(settings.labels).split(", ") }));
  return { id: "scores", name: "EQ scores", html };
}

function comparisons({ summary: { summary } }: StoredRun): Section {
  const metrics = [...new Set(summary.comparisons.map(({ metric }) => metric))];
  const parts = metrics.map((metric) => {
    const own = summary.comparisons.filter((comparison) => comparison.metric === metric);
    const title = `Planned comparisons: ${metric}`;
    const forest = forestPlot(plannedDifferences(own, metric), {
      title,
      unit: `difference in ${metric}`,
      digits: metric === "EQ score" ? 3 : 1,
    });
    return picture(forest) + table(differenceRows(own));
  });
  const html =
    paragraph(
      "Planned before any result; paired over questions and seeds; all p-values corrected together (Holm). The sentences are above.",
    ) +
    (parts.join("") || paragraph("No planned comparison: it needs two of the variants that are compared.")) +
    (summary.otherEvaluators.length > 0
      ? `<h3>The EQ score by the other evaluators</h3>${table(byEvaluatorRows(summary.otherEvaluators))}`
      : "");
  return { id: "comparisons", name: "Planned comparisons", html };
}

/** Without what is the same in every row. */
const differenceRows = (comparisons: readonly Comparison[]) => comparisonRows(comparisons).map(({ metric: _, seeds: __, ...row }) => row);

/** A row a comparison, three columns an evaluator. */
function byEvaluatorRows(comparisons: readonly Comparison[]) {
  return groupsBy(comparisons, ({ a, b }) => [a, b]).map((own) => {
    const cells = own.flatMap(({ metric, difference, holm, verdict }) => {
      const name = metric.replace("EQ score by ", "");
      return [
        [`${name}: a − b`, difference.mean],
        [`${name}: Holm p`, holm],
        [`${name}: verdict`, verdict],
      ];
    });
    return { comparison: `${own[0]!.a} − ${own[0]!.b}`, ...(Object.fromEntries(cells) as Record<string, string | number>) };
  });
}

function controls({ summary: { summary, headline } }: StoredRun): Section {
  const shown = summary.configurations.filter(
    ({ variant, configuration }) => variant === headline || configuration === "No Heads (Baseline)",
  );
  const bars = configurationBars(eqScoreBars({ configurations: shown, controls: summary.controls }), {
    title: "EQ score with its controls",
    subtitle: "95 % intervals; grey: written by no model, or to another question",
  });
  const rows = eqSummaryRows(summary.controls).map(({ kind: _, seeds: __, ...row }) => row);
  const html =
    paragraph("A control that scores as high as a model says that the score does not measure what its name says.") +
    picture(bars) +
    table(rows) +
    (summary.human.length > 0
      ? `<h3>Beside people's own replies to held-out dialogues (empathy mass)</h3>${table(humanRows(summary.human))}`
      : "");
  return { id: "controls", name: "Controls", html };
}

const official = ({ summary: { summary } }: StoredRun): Section => ({
  id: "official",
  name: "Official EQ-Bench score",
  html:
    paragraph(
      "Greedy answers, the benchmark's own parser and formula. Below 83.33 % usable answers the official run counts as failed; lm-eval counts an unusable answer as 0.",
    ) + table(officialRows(summary)),
});

function evaluators({ summary: { summary, headline }, rows }: StoredRun): Section {
  const [first] = summary.evaluators;
  const lengths = spaced(lengthScores(rows), MOST_POINTS);
  const agreed = spaced(evaluatorScores(rows.filter(({ variant }) => variant === headline)), MOST_POINTS / 2);
  const several = summary.evaluators.length > 1;
  const said = first?.length
    ? `Spearman's ρ ${fixed(first.length.mean)} over all replies without heads; ${lengths.length} of them shown`
    : "";
  const html =
    table(evaluatorRows(summary)) +
    (first && several ? picture(evaluatorAgreement(agreed, { headline: first.name })) : "") +
    picture(scoreByLength(lengths, { title: "EQ score and length", subtitle: said, lengthUnit: "tokens" }));
  return { id: "evaluators", name: "Evaluators and length", html };
}

function heads({ heads: cards, headCharts }: StoredRun): Section {
  const charts = headCharts.map(({ name, svg }) => savedPicture(svg, name)).join("");
  return {
    id: "heads",
    name: "Heads",
    html: cards.length > 0 ? list(headSentences(cards)) + table(headRows(cards)) + charts : paragraph("No heads in this folder.", "quiet"),
  };
}

const quality = ({ summary: { summary } }: StoredRun): Section => ({
  id: "quality",
  name: "Quality of the replies, and failures",
  html: `${table(qualityRows(summary.quality))}<h3>Failures, counted and not dropped</h3>${table(failureRows(summary))}`,
});

const sensitivity = ({ summary: { summary } }: StoredRun): Section => ({
  id: "sensitivity",
  name: "Sensitivity to the formula",
  html: picture(rankChanges(rankedScores(summary.sensitivity))) + table(sensitivityRows(summary)),
});

const seedSection = ({ summary: { summary }, rows }: StoredRun): Section => ({
  id: "seeds",
  name: "Seeds apart from questions",
  html: picture(seedSpread(seedScores(rows, summary.configurations))),
});

function samples({ rows, summary: { headline } }: StoredRun): Section {
  const { html, shown } = samplesHtml(rows, headline);
  return { id: "samples", name: "Question by question", html: paragraph(shown, "quiet") + html };
}

function repeat({ summary: { settings, provenance, variants } }: StoredRun): Section {
  const named = (record: Record<string, unknown>) =>
    Object.entries(record).map(([name, value]) => ({ name, value: value === null ? "none" : String(value) }));
  const html =
    paragraph("The same settings, data and weights give the same figures; generations are kept under a hash of all they depend on.") +
    `<h3>Settings</h3>${table(named(settings))}<h3>Versions and checksums</h3>${table(named(provenance))}` +
    `<h3>Variants</h3>${table(variants.map(({ training, ...about }) => ({ ...about, training: training === null ? null : training.slice(0, 400) })))}`;
  return { id: "repeat", name: "How to repeat this", html };
}

/** At most so many, evenly spaced. */
function spaced<T>(values: readonly T[], most: number): T[] {
  const step = Math.max(1, values.length / most);
  return Array.from({ length: Math.min(values.length, Math.floor(values.length / step)) }, (_, i) => values[Math.floor(i * step)]!);
}
